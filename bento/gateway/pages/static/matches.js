// Running matches are looked at again every few seconds, without losing the reader's place.
"use strict";
(() => {
  const EVERY = 5000;
  async function look() {
    if (document.hidden || !document.querySelector("#running, #late")) { return; }
    try {
      const response = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!response.ok) { return; }
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const card of document.querySelectorAll("[data-match]")) {
        const now = fresh.querySelector(`[data-match="${CSS.escape(card.dataset.match)}"]`);
        if (now && now.innerHTML !== card.innerHTML && !card.contains(document.activeElement)) {
          card.replaceChildren(...now.childNodes);
        }
      }
    } catch { /* it is asked again */ }
  }
  setInterval(look, EVERY);
})();
