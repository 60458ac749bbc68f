// A match: the curve of its price, a round of it, and both moving by themselves while it runs.
"use strict";
(() => {
  const place = (id) => document.getElementById(id);
  const root = place("match");
  if (!place("curve")) { return; }
  const { match, map, teamA, teamB } = root.dataset;
  const api = `/api/v1/matches/${encodeURIComponent(match)}`;
  const LATE = 30000;
  const UNTOLD = new Set(["player_hurt", "player_equipment", "economy_update"]); // too many to read
  const percent = (p) => (p === 0 || p === 1 ? `${100 * p} %` : p < 0.005 ? "< 1 %" : p > 0.995 ? "> 99 %" : `${Math.round(100 * p)} %`);
  const points = (d) => `${d < 0 ? "−" : "+"}${Math.round(Math.abs(100 * d))}`;
  const parameters = new URLSearchParams(location.search);
  let story = null;
  let round = Number(parameters.get("round")) || null;
  let moment = parameters.get("at");
  let newest = Date.now();

  const element = (name, text, more = {}) => Object.assign(document.createElement(name), { textContent: text, ...more });

  function places(found) {
    // A round is as wide as every other, its prices spread over it.
    const counts = new Map();
    for (const number of found.round_no) { counts.set(number, (counts.get(number) || 0) + 1); }
    const seen = new Map();
    return found.round_no.map((number) => {
      const before = seen.get(number) || 0;
      seen.set(number, before + 1);
      return Math.max(number, 1) - 1 + (before + 0.5) / counts.get(number);
    });
  }

  function drawCurve() {
    const { axis, colour, layout, options } = window.charts;
    const found = story.points;
    const x = places(found);
    const words = found.trigger.map((trigger, number) => `round ${found.round_no[number]}, ${trigger.replaceAll("_", " ")}`);
    const line = { color: colour("accent"), width: 2, shape: "hv" };
    const traces = [
      { x, y: found.high, mode: "lines", line: { width: 0, shape: "hv" }, hoverinfo: "skip" },
      { x, y: found.low, mode: "lines", line: { width: 0, shape: "hv" }, fill: "tonexty", fillcolor: colour("ct-soft"), hoverinfo: "skip" },
      { x, y: found.p, mode: "lines", line, customdata: words, hovertemplate: `${teamA} %{y:.1%}<br>%{customdata}<extra></extra>` },
    ];
    const last = Math.max(1, ...found.round_no);
    Plotly.react(place("curve"), traces, layout({
      xaxis: axis("round", { range: [0, last], dtick: last > 14 ? 3 : 1 }), yaxis: axis(`${teamA} win the map`, { range: [0, 1], tickformat: ".0%" }),
      shapes: [{ type: "line", x0: 0, x1: last, y0: 0.5, y1: 0.5, line: { color: colour("soft"), dash: "dot", width: 1 } },
        ...(round ? [{ type: "rect", x0: round - 1, x1: round, y0: 0, y1: 1, fillcolor: colour("accent"), opacity: 0.12, line: { width: 0 } }] : [])],
    }), options);
    place("curve").removeAllListeners?.("plotly_click");
    place("curve").on("plotly_click", (event) => choose(found.round_no[event.points[0].pointNumber], found.event_id[event.points[0].pointNumber]));
  }

  async function drawRound() {
    for (const button of document.querySelectorAll("[data-round]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.round) === round));
    }
    if (!round) { return; }
    const { axis, colour, layout, options } = window.charts;
    const found = story.points;
    const of = found.round_no.map((number, index) => [number, index]).filter(([number]) => number === round).map(([, index]) => index);
    place("round-hint").textContent = `Round ${round}`;
    place("round-curve").hidden = false;
    const pick = (values) => of.map((index) => values[index]);
    const begun = of.length ? found.at[of[0]] : 0;
    const x = pick(found.at).map((at) => at - begun);
    const marks = pick(found.trigger);
    const symbol = { kill: "x", bomb_planted: "star", bomb_defused: "diamond", bomb_exploded: "hexagram" };
    Plotly.react(place("round-curve"), [
      { x, y: pick(found.round_high), mode: "lines", line: { width: 0, shape: "hv" }, hoverinfo: "skip" },
      { x, y: pick(found.round_low), mode: "lines", line: { width: 0, shape: "hv" }, fill: "tonexty", fillcolor: colour("t-soft"), hoverinfo: "skip" },
      { x, y: pick(found.round_p), mode: "lines", line: { color: colour("t"), width: 2, shape: "hv" }, hoverinfo: "skip" },
      {
        x, y: pick(found.round_p), mode: "markers", customdata: marks.map((mark) => mark.replaceAll("_", " ")),
        marker: { symbol: marks.map((mark) => symbol[mark] || "circle"), size: marks.map((mark) => (symbol[mark] ? 11 : 4)), color: colour("ink") },
        hovertemplate: `${teamA} %{y:.1%}<br>%{customdata}<extra></extra>`,
      },
    ], layout({ xaxis: axis("seconds", {}), yaxis: axis(`${teamA} win the round`, { range: [0, 1], tickformat: ".0%" }) }), options);
    const asked = round;
    const response = await fetch(`${api}/maps/${encodeURIComponent(map)}/rounds/${round}/events`);
    if (!response.ok || asked !== round) { return; }
    place("round-events").replaceChildren(...(await response.json()).filter((one) => !UNTOLD.has(one.type)).map((one) => {
      const index = found.event_id.indexOf(one.event_id);
      const price = index >= 0 && found.p[index] !== null ? ` · ${teamA} ${percent(found.p[index])}` : "";
      const item = element("li", "");
      item.append(element("a", `${one.words}${price}`, { href: address(round, one.event_id) }));
      if (one.event_id === moment) { item.className = "chosen"; }
      return item;
    }));
  }

  const address = (number, event) => `?${new URLSearchParams({ map, round: String(number), ...(event ? { at: event } : {}) })}`;

  function choose(number, event = null) {
    round = number;
    moment = event;
    history.replaceState(null, "", address(number, event));
    drawCurve();
    drawRound();
  }

  function lists() {
    place("swings").replaceChildren(...story.swings.map((one) => {
      const item = element("li", "");
      const link = element("a", `round ${one.round_no}: ${one.words}`, { href: address(one.round_no, one.event_id) });
      item.append(link, element("span", ` ${teamA} ${points(one.change)} points`, { className: one.change >= 0 ? "good" : "bad" }));
      return item;
    }));
    if (!story.swings.length) { place("swings").replaceChildren(element("li", "nothing has moved the price yet", { className: "muted" })); }
    place("movers").replaceChildren(...story.movers.slice(0, 10).map((one) => {
      const row = element("tr", "");
      row.append(element("th", one.player_id, { scope: "row" }), element("td", one.team === "A" ? teamA : teamB),
        element("td", points(one.moved), { className: "n" }));
      return row;
    }));
  }

  async function load() {
    const response = await fetch(`${api}/curve`);
    if (!response.ok) { throw new Error(`the curve was answered with ${response.status}`); }
    story = (await response.json()).find((one) => one.map_id === map) || { points: { event_id: [], at: [], round_no: [], trigger: [], p: [], low: [],
      high: [], round_p: [], round_low: [], round_high: [] }, swings: [], movers: [] };
    root.dataset.prices = String(story.points.p.length);
    drawCurve();
    lists();
    drawRound().catch(() => { /* the round's events are asked for again with the next price */ });
  }

  // One question at a time, so that an older answer never replaces a newer one. A price is published before history
  // holds it: the question is asked again until the answer holds the last price that was heard.
  let heardLast = null;
  let wanted = false;
  let waiting = null;
  let tries = 0;

  function soon(after = 400) {
    wanted = true;
    waiting ??= setTimeout(look, after);
  }

  async function look() {
    wanted = false;
    let whole = false;
    try {
      await load();
      whole = !heardLast || story.points.event_id.includes(heardLast);
    } catch { /* asked again below */ }
    waiting = null;
    tries = whole ? 0 : tries + 1;
    if (wanted) { soon(); } else if (!whole) { soon(Math.min(30000, 500 * 2 ** tries)); }
  }

  function follow() {
    const source = new EventSource(`${api}/stream`);
    const heard = () => { newest = Date.now(); place("late").hidden = true; };
    // Also after a reconnect: from here on nothing is missed, and what was missed before is read from the history.
    source.addEventListener("subscribed", () => { root.dataset.connection = "open"; soon(); });
    source.addEventListener("prediction", (event) => {
      heard();
      const price = JSON.parse(event.data);
      if (price.map_id !== map) { return; }
      if (price.p_team_a_win !== null) { place("now").replaceChildren(`${teamA} `, element("b", percent(price.p_team_a_win))); }
      heardLast = price.event_id;
      tries = 0;
      soon();
    });
    source.addEventListener("correction", () => { heardLast = null; soon(); });
    source.addEventListener("score", (event) => {
      heard();
      const score = JSON.parse(event.data);
      if (score.map_id === map) { place("score").textContent = `${score.team_a_score}:${score.team_b_score}`; }
    });
    const again = () => { source.close(); setTimeout(follow, 2000); };
    source.addEventListener("cut-off", again);
    source.addEventListener("error", () => {
      root.dataset.connection = "lost";
      if (source.readyState === EventSource.CLOSED) { again(); } // refused for now: a browser does not try that again
    });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-round]");
    if (button) { choose(Number(button.dataset.round)); }
  });
  window.charts.drawings.match = () => { if (story) { drawCurve(); drawRound(); } };
  document.addEventListener("themechange", () => { if (story) { drawCurve(); drawRound(); } });
  soon(0);
  if (root.dataset.status === "LIVE") {
    follow();
    setInterval(() => { place("late").hidden = Date.now() - newest < LATE; }, 1000);
  }
})();
