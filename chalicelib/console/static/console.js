// What pages do better with scripts than without. Nothing here is needed to use them.
"use strict";

const theme = document.documentElement;

function isDark() {
  return theme.dataset.theme
    ? theme.dataset.theme === "escuro"
    : matchMedia("(prefers-color-scheme: dark)").matches;
}

function nameThemeSwitches() {
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.hidden = false;
    button.textContent = isDark() ? "Tema claro" : "Tema escuro";
  }
}

function switchTheme() {
  theme.dataset.theme = isDark() ? "claro" : "escuro";
  document.cookie = `previsto-tema=${theme.dataset.theme}; Path=/; SameSite=Lax; Max-Age=31536000`;
  nameThemeSwitches();
  document.dispatchEvent(new Event("previsto:theme"));
}

// A question before what cannot be taken back.
function ask(form) {
  const dialog = document.getElementById("confirmacao");
  dialog.querySelector("p").textContent = form.dataset.confirm;
  dialog.onclick = (event) => {
    const answer = event.target.value;
    if (answer === undefined || event.target.tagName !== "BUTTON") return;
    dialog.close();
    if (answer === "sim") {
      form.dataset.confirmed = "1";
      form.requestSubmit(form.submitted);
    }
  };
  dialog.showModal();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.confirm && !form.dataset.confirmed) {
    event.preventDefault();
    form.submitted = event.submitter;
    ask(form);
    return;
  }
  // A double click must not send a form twice.
  if (form.method === "post" && !("download" in form.dataset)) {
    setTimeout(() => {
      for (const button of form.querySelectorAll("button")) button.disabled = true;
    });
  }
});

// A page that comes out of the browser's memory must be usable again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("form button[disabled]")) button.disabled = false;
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-switch]")) switchTheme();
  if (event.target.closest("[data-dismiss]")) event.target.closest("[data-toast]").remove();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  }
});

// Whether a form holds what somebody typed and has not sent.
function isTyping() {
  const fields = document.querySelectorAll("form[method=post] :is(input, select, textarea)");
  return [...fields].some((field) => {
    if (field.type === "checkbox" || field.type === "radio") {
      return field.checked !== field.defaultChecked;
    }
    if (field.type === "file") return field.files.length > 0;
    if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
    const options = [...field.options];
    const usual = options.findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(usual, 0) && options.length > 0;
  });
}

// Something to know that must not take away what is being typed.
function say(id, text, action, act) {
  if (document.getElementById(id)) return;
  const note = document.createElement("div");
  note.id = id;
  note.className = "toast aviso";
  note.setAttribute("role", "alert");
  const said = document.createElement("p");
  said.textContent = text;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = action;
  button.addEventListener("click", act);
  note.append(said, button);
  document.getElementById("conteudo").prepend(note);
}

// The session has ended: to the door, unless that would lose what was typed.
function leave(address) {
  if (!isTyping()) {
    location.href = address;
    return;
  }
  const text =
    "Sua sessão terminou. O que você digitou continua aqui: envie, entre de novo, e nada se perde.";
  say("sessao-terminou", text, "Entrar sem enviar", () => {
    location.href = address;
  });
}

// The page at an address as it is now; null where it leads to the door, or is not to be had.
async function fetched(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (answer.redirected && new URL(answer.url).pathname.endsWith("/entrar")) {
    leave(answer.url);
    return null;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// Parts of this page as they are now; whether to go on looking.
async function refresh(address, selector) {
  const page = await fetched(address);
  if (page === null) return false;
  for (const part of document.querySelectorAll(selector)) {
    const fresh = page.getElementById(part.id);
    if (fresh) part.replaceWith(fresh);
    else part.remove(); // What it told of is over.
  }
  return true;
}

// While `data-live` is on the page, it looks again by itself; the rest of the page stays. With
// `data-whole`, too, all of the page is shown anew in the end.
async function follow() {
  const wholePage = document.querySelector("[data-live][data-whole]") !== null;
  while (document.querySelector("[data-live]")) {
    await new Promise((done) => setTimeout(done, document.hidden ? 10000 : 1500));
    try {
      if (!(await refresh(location.href, "[data-live]"))) return;
    } catch {
      // The network, or the server, may be away for a moment.
    }
    if (!wholePage || document.querySelector("[data-live]")) continue;
    if (!isTyping()) location.reload();
    else say("ha-novidade", "Terminou. Há o que ver de novo nesta página.", "Mostrar", () => location.reload());
  }
}

// A search shows what it finds while one types. Where the form says so, Enter does the one thing
// that can be done with what was found, if there is just one.
function searchAsTyped(form) {
  const id = form.dataset.search;
  let waiting;
  let shown = new URLSearchParams(new FormData(form)).toString();
  async function look() {
    clearTimeout(waiting);
    const query = new URLSearchParams(new FormData(form)).toString();
    if (query === shown) return true;
    const address = `${form.action.split("?")[0]}?${query}`;
    form.setAttribute("aria-busy", "true");
    const page = await fetched(address).finally(() => form.removeAttribute("aria-busy"));
    if (page === null || query !== new URLSearchParams(new FormData(form)).toString()) return false;
    document.getElementById(id)?.replaceWith(page.getElementById(id));
    history.replaceState(null, "", address);
    shown = query;
    return true;
  }
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => look().catch(() => {}), 180);
  });
  if (!("enter" in form.dataset)) return;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      if (!(await look())) return;
    } catch {
      form.submit();
      return;
    }
    const acts = document.querySelectorAll(`#${id} [data-act]`);
    if (acts.length === 1) acts[0].form.requestSubmit();
    else acts[0]?.focus();
  });
}

// A picture of somebody else's may be gone: what is drawn under it shows then, and no broken frame.
function dropIfBroken(picture) {
  if (picture.matches("img[data-or-nothing]") && picture.complete && !picture.naturalWidth) picture.remove();
}

document.addEventListener("error", (event) => event.target instanceof Element && dropIfBroken(event.target), true);
for (const picture of document.querySelectorAll("img[data-or-nothing]")) dropIfBroken(picture);
nameThemeSwitches();
for (const button of document.querySelectorAll("[data-dismiss]")) button.hidden = false;
for (const form of document.querySelectorAll("form[data-search]")) searchAsTyped(form);
follow();
