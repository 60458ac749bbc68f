// Light or dark: the system's choice until the reader makes one, which is kept in this browser.
"use strict";
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* a browser that keeps nothing */ }
  const dark = () => (chosen ? chosen === "dark" : system.matches);
  const show = () => {
    root.dataset.theme = dark() ? "dark" : "light";
    const button = document.getElementById("theme");
    if (button) {
      button.setAttribute("aria-pressed", String(dark()));
    }
    document.dispatchEvent(new Event("themechange"));
  };
  show();
  system.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      chosen = dark() ? "light" : "dark";
      try { localStorage.setItem("theme", chosen); } catch { /* kept for this page only */ }
      show();
    });
  });
})();
