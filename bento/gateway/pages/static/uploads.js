// Uploads: sends files one after the other, shows how far each is, and what became of those sent before.
"use strict";
(() => {
  const ADDRESS = "/api/v1/uploads";
  const LOOK_AGAIN = 10000;
  const at = (name) => document.getElementById(name);
  const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });
  const say = (text) => { at("upload-note").textContent = text; };
  const most = Number(at("upload-form").dataset.most);
  let shown = [];
  let next = null;

  const size = (bytes) => (bytes < 1048576 ? `${Math.max(1, Math.round(bytes / 1024))} KiB` : `${Math.round(bytes / 1048576)} MiB`);
  const moment = (text) => `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
  const ask = async (address, options = {}) => {
    const answered = await fetch(address, { ...options, headers: window.session.headers() });
    if (answered.status === 204) { return null; }
    const body = await answered.json();
    if (!answered.ok) { throw new Error(body.detail); }
    return body;
  };

  const row = (upload) => {
    const line = element("tr", "");
    const name = Object.assign(element("th", upload.name), { scope: "row" });
    const button = Object.assign(element("button", "Delete"), { type: "button", className: "quiet" });
    button.setAttribute("aria-label", `Delete ${upload.name}`);
    button.addEventListener("click", async () => {
      try { await ask(`${ADDRESS}/${upload.id}`, { method: "DELETE" }); await look(); } catch (error) { say(error.message); }
    });
    const cells = [upload.kind, size(upload.size), moment(upload.at), upload.state, upload.reason || "–"].map((text) => element("td", text));
    cells[1].className = "n";
    const last = element("td", "");
    last.append(button);
    line.append(name, ...cells, last);
    return line;
  };
  const show = () => {
    at("uploads").tBodies[0].replaceChildren(...shown.map(row));
    at("uploads").hidden = shown.length === 0;
    at("upload-none").hidden = shown.length > 0;
    at("upload-more").hidden = next === null;
  };
  const look = async () => {
    const page = await ask(`${ADDRESS}?limit=${Math.min(500, Math.max(50, shown.length))}`);
    [shown, next] = [page.items, page.next];
    show();
  };

  const problem = (request) => {
    try { return JSON.parse(request.responseText).detail; } catch { return "the connection ended before the file was sent"; }
  };
  const send = (file) => new Promise((resolve, reject) => {
    const day = at("played-on").value || (file.lastModified ? new Date(file.lastModified).toISOString().slice(0, 10) : "");
    const query = new URLSearchParams({ name: file.name, ...(day ? { played_on: day } : {}) });
    const request = new XMLHttpRequest();
    request.open("POST", `${ADDRESS}?${query}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    Object.entries(window.session.headers()).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) { at("upload-progress").value = 100 * event.loaded / event.total; }
    });
    request.addEventListener("load", () => (request.status < 300 ? resolve(request.status) : reject(new Error(problem(request)))));
    request.addEventListener("error", () => reject(new Error(problem(request))));
    request.send(file);
  });

  at("upload-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = [];
    at("upload-progress").hidden = false;
    for (const file of at("files").files) {
      say(`Sending ${file.name} …`);
      try {
        if (file.size > most) { throw new Error(`it is larger than ${size(most)}`); }
        said.push(`${file.name}: ${await send(file) === 200 ? "was sent before" : "sent"}`);
      } catch (error) {
        said.push(`${file.name}: not taken, ${error.message}`);
      }
      await look().catch((error) => said.push(error.message));
    }
    at("upload-progress").hidden = true;
    say(said.join(". "));
    at("upload-form").reset();
  });
  at("upload-more").addEventListener("click", async () => {
    try {
      const page = await ask(`${ADDRESS}?limit=50&after=${encodeURIComponent(next)}`);
      shown = [...shown, ...page.items];
      next = page.next;
      show();
    } catch (error) { say(error.message); }
  });
  setInterval(() => {
    if (shown.some((upload) => upload.state === "waiting") && !document.hidden) { look().catch(() => null); }
  }, LOOK_AGAIN);
  look().catch((error) => say(error.message));
})();
