// Sliders to a state, the state to the model, and its answer to the page; one request under way at a time.
"use strict";
(() => {
  const form = document.getElementById("state");
  const place = (id) => document.getElementById(id);
  const money = new Set(["ct_equip_value", "t_equip_value", "ct_money", "t_money"]);
  const { percent } = window.words;
  const points = (change) => window.words.points(change, 1);
  let busy = false;
  let again = false;
  let touched = "ct_alive";
  let course = null;

  const parameters = new URLSearchParams(location.search);
  place("bomb_planted").checked = parameters.get("bomb_planted") === "1";

  function state() {
    place("time_remaining").max = place("bomb_planted").checked ? "40" : "115"; // the browser moves the slider along
    const values = {};
    for (const input of form.querySelectorAll("input[type=range]")) {
      values[input.name] = Number(input.value);
    }
    values.bomb_planted = place("bomb_planted").checked ? 1 : 0;
    if (place("map_name").value) {
      values.map_name = place("map_name").value;
    }
    return values;
  }

  function show() {
    for (const input of form.querySelectorAll("input[type=range]")) {
      const value = Number(input.value);
      place(`${input.name}-shown`).textContent = money.has(input.name) ? `$${value.toLocaleString("en-US")}`
        : input.name === "time_remaining" ? `${Math.floor(value / 60)}:${String(value % 60).padStart(2, "0")}` : String(value);
    }
  }

  function answer(found) {
    const [low, high] = found.ct_win_interval;
    place("price").textContent = percent(found.ct_win_probability);
    place("interval").textContent = found.decided ? "decided by the rules, not by a model" : `between ${percent(low)} and ${percent(high)}`;
    place("version").textContent = `round_predictor version ${found.model_version}`;
    place("bar").toggleAttribute("hidden", false);
    place("bar-left").setAttribute("width", String(100 * found.ct_win_probability));
    place("bar-band").setAttribute("x", String(100 * low));
    place("bar-band").setAttribute("width", String(100 * (high - low)));
    place("worth").replaceChildren(...found.changes.map((one) => {
      const row = document.createElement("tr");
      const cell = (text, kind) => {
        const made = document.createElement(kind);
        made.textContent = text;
        if (kind === "td") { made.className = "n"; } else { made.scope = "row"; }
        return made;
      };
      const change = (p) => (p === null ? "–" : points(p - found.ct_win_probability));
      row.append(cell(one.words, "th"), cell(change(one.fewer), "td"), cell(change(one.more), "td"));
      return row;
    }));
    course = found.along;
    drawCourse();
  }

  function drawCourse() {
    if (!course) { return; }
    const { axis, colour, layout, options } = window.charts;
    const label = document.querySelector(`label[for="${course.field}"]`).textContent;
    const here = Number(place(course.field).value);
    place("along-said").textContent = `CT's win probability over the range of: ${label}.`;
    Plotly.react(place("along"), [
      { x: course.values, y: course.high, mode: "lines", line: { width: 0 }, hoverinfo: "skip" },
      { x: course.values, y: course.low, mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: colour("ct-soft"), hoverinfo: "skip" },
      { x: course.values, y: course.ct_win_probability, mode: course.values.length > 16 ? "lines" : "lines+markers", line: { color: colour("accent"), width: 2 }, hovertemplate: "%{x:,}: %{y:.1%}<extra></extra>" },
    ], layout({
      margin: { l: 44, r: 10, t: 8, b: 30 }, height: 220,
      xaxis: axis("", money.has(course.field) ? { tickprefix: "$" } : course.values.length > 16 ? {} : { dtick: course.values.length > 8 ? 3 : 1 }), yaxis: axis("", { range: [0, 1], tickformat: ".0%" }),
      shapes: [{ type: "line", x0: here, x1: here, y0: 0, y1: 1, line: { color: colour("ink"), dash: "dot", width: 1 } }],
    }), options);
  }

  function refuse(problem) {
    place("price").textContent = "–";
    place("bar").toggleAttribute("hidden", true); // an empty bar would read as a price of 0
    const errors = (problem.errors || []).map((one) => `${one.field}: ${one.message}`).join("; ");
    place("interval").textContent = errors || problem.detail;
    place("worth").replaceChildren();
  }

  async function ask() {
    if (busy) { again = true; return; }
    busy = true;
    const values = state();
    show();
    history.replaceState(null, "", `?${new URLSearchParams(values)}`);
    try {
      const response = await fetch(`/api/v1/what-if/round?along=${touched}`, {
        method: "POST", headers: { "Content-Type": "application/json", ...window.session.headers() }, body: JSON.stringify(values),
      });
      const found = await response.json();
      if (response.ok) { answer(found); } else { refuse(found); }
    } catch {
      refuse({ detail: "The gateway does not answer. Your next change tries again." });
    }
    busy = false;
    if (again) { again = false; ask(); }
  }

  const touch = (event) => { if (event.target.type === "range") { touched = event.target.name; } };
  form.addEventListener("input", (event) => { touch(event); ask(); });
  form.addEventListener("focusin", (event) => { touch(event); if (event.target.type === "range") { ask(); } });
  document.addEventListener("themechange", drawCourse);
  form.addEventListener("submit", (event) => event.preventDefault());
  ask();
})();
