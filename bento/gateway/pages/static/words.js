// How the pages' scripts word numbers, as words.py does for the templates, and make elements of text.
"use strict";
window.words = {
  // What is not certain never reads as if it were.
  percent: (p) => (p === 0 || p === 1 ? `${100 * p} %` : p < 0.005 ? "< 1 %" : p > 0.995 ? "> 99 %" : `${Math.round(100 * p)} %`),
  points: (d, digits = 0) => {
    const text = Math.abs(100 * d).toFixed(digits);
    return Number(text) === 0 ? text : `${d < 0 ? "−" : "+"}${text}`;
  },
  count: (number) => number.toLocaleString("en-US"),
  element: (name, text, more = {}) => Object.assign(document.createElement(name), { textContent: text, ...more }),
  bar: (share, kind = "fill-left") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const filled = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of [["class", "bar"], ["viewBox", "0 0 100 6"], ["preserveAspectRatio", "none"], ["aria-hidden", "true"], ["focusable", "false"]]) { made.setAttribute(name, value); }
    for (const [name, value] of [["class", kind], ["width", String(100 * share)], ["height", "6"]]) { filled.setAttribute(name, value); }
    made.append(filled);
    return made;
  },
};
