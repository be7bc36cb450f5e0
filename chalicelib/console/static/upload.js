// Large files go straight to the object store: leave is asked for, the file is sent there with a
// bar of how far it is, and then the form hands over its key. Without scripts the form sends it.
"use strict";

const MOST_INLINE_BYTES = 3.9 * 1024 * 1024; // The rest of the form has to fit, too.

// A file as a person reads its size.
function sized(file) {
  const kb = file.size / 1024;
  const shown = kb < 1024 ? [Math.max(1, Math.round(kb)), "KB"] : [(kb / 1024).toFixed(1), "MB"];
  return `${file.name} · ${String(shown[0]).replace(".", ",")} ${shown[1]}`;
}

function mediaType(name) {
  if (/\.parquet$/i.test(name)) return "application/vnd.apache.parquet";
  return /\.(ndjson|jsonl)$/i.test(name) ? "application/x-ndjson" : "text/csv";
}

async function askForLeave(form, file) {
  const fields = new URLSearchParams({
    ficha: form.elements.ficha.value,
    acao: "autorizar",
    tamanho_bytes: String(file.size),
    content_type: mediaType(file.name),
  });
  const answer = await fetch(location.href, { method: "POST", body: fields });
  if (answer.status === 401) throw new Error("Sua sessão terminou. Recarregue a página e entre.");
  if (answer.status === 422) throw new Error("O arquivo está vazio ou é maior do que o permitido.");
  if (!answer.ok) throw new Error("Não foi possível enviar agora. Tente de novo.");
  return answer.json();
}

function send(file, grant, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(grant.metodo, grant.url);
    for (const [name, value] of Object.entries(grant.cabecalhos)) {
      // The browser says how long the body is, and lets nobody else say so.
      if (name.toLowerCase() !== "content-length") request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => {
      progress.value = (event.loaded / event.total) * 100;
    };
    request.onload = () => (request.status < 300 ? resolve() : reject(new Error()));
    request.onerror = () => reject(new Error());
    request.send(file);
  }).catch(() => {
    throw new Error("O envio foi interrompido. Confira a conexão e tente de novo.");
  });
}

for (const form of document.querySelectorAll("form[data-upload]")) {
  const input = form.querySelector("input[type=file]");
  const drop = form.querySelector("[data-drop]");
  const failed = form.querySelector("[data-failed]");
  for (const part of form.querySelectorAll("[data-scripted]")) part.hidden = false;
  const refuse = (said) => {
    failed.textContent = said;
    failed.hidden = false;
    // After the page has locked them against a second click.
    setTimeout(() => form.querySelectorAll("button").forEach((one) => (one.disabled = false)));
  };
  const show = () => {
    form.querySelector("[data-chosen]").textContent = input.files[0] ? sized(input.files[0]) : "";
  };
  input.addEventListener("change", show);
  for (const kind of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
    });
  }
  drop.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length === 0) return;
    input.files = event.dataTransfer.files;
    show();
  });
  form.addEventListener("submit", async (event) => {
    const fits = input.files[0] && input.files[0].size <= MOST_INLINE_BYTES;
    if (form.elements.objeto?.value || ("inline" in form.dataset && fits)) return;
    event.preventDefault();
    if (!form.elements.objeto) {
      refuse("O arquivo tem mais de 4 MB. Divida-o em vários.");
      return;
    }
    failed.hidden = true;
    const sending = form.querySelector("[data-sending]");
    sending.hidden = false;
    try {
      const grant = await askForLeave(form, input.files[0]);
      await send(input.files[0], grant, sending.querySelector("progress"));
      form.elements.objeto.value = grant.objeto;
      input.disabled = true; // It has been sent.
      form.submit();
    } catch (error) {
      sending.hidden = true;
      refuse(error.message);
    }
  });
}
