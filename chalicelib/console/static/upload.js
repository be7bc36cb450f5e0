// Large files go straight to the object store: leave is asked for, the file is sent there with a
// bar of how far it is, and then the form hands over its key. Without scripts the form sends it.
"use strict";

function mediaType(name) {
  if (/\.parquet$/i.test(name)) return "application/vnd.apache.parquet";
  return /\.(ndjson|jsonl)$/i.test(name) ? "application/x-ndjson" : "text/csv";
}

async function leave(form, file) {
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
  const show = () => {
    form.querySelector("[data-chosen]").textContent = input.files[0]?.name ?? "";
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
    if (form.elements.objeto.value) return;
    event.preventDefault();
    failed.hidden = true;
    const sending = form.querySelector("[data-sending]");
    sending.hidden = false;
    try {
      const grant = await leave(form, input.files[0]);
      await send(input.files[0], grant, sending.querySelector("progress"));
      form.elements.objeto.value = grant.objeto;
      input.disabled = true; // It has been sent.
      form.submit();
    } catch (error) {
      failed.textContent = error.message;
      failed.hidden = false;
      sending.hidden = true;
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    }
  });
}
