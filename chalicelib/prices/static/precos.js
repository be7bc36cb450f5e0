// Sliders beside their numbers, and answers without leaving the page. Without scripts the numbers
// are typed, and the form is sent as any other.
"use strict";

for (const slider of document.querySelectorAll("[data-slider]")) {
  const number = document.getElementById(slider.dataset.slider);
  slider.hidden = false;
  slider.addEventListener("input", () => {
    number.value = slider.value;
  });
  number.addEventListener("input", () => {
    if (number.value !== "") slider.value = number.value;
  });
}

async function answer(form) {
  document.getElementById("resultado").setAttribute("aria-busy", "true");
  const sent = await fetch(location.href, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  const page = new DOMParser().parseFromString(await sent.text(), "text/html");
  const fresh = page.getElementById("resultado");
  if (!fresh || page.querySelector("[data-ask] .error")) return false;
  const shown = document.getElementById("resultado");
  shown.replaceChildren(...fresh.childNodes);
  shown.removeAttribute("aria-busy");
  if (shown.getBoundingClientRect().top < 0) shown.scrollIntoView({ block: "start" });
  return true;
}

for (const form of document.querySelectorAll("form[data-ask]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answered = await answer(form).catch(() => false);
    if (!answered) form.submit(); // The page that answers says what is wrong.
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  });
}

// Where parts do not fit beside each other, the one that is shown is in sight.
const tab = document.querySelector(".tabs [aria-current]");
if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 32;
