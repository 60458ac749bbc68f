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
  const { bar, element, percent, points } = window.words;
  const parameters = new URLSearchParams(location.search);
  let story = null;
  let round = Number(parameters.get("round")) || null;
  let moment = parameters.get("at");
  let newest = Date.now();

  function places(found) {
    // A round is as wide as every other, its prices spread over it. What comes before the first round belongs to it.
    const rounds = found.round_no.map((number) => Math.max(number, 1));
    const counts = new Map();
    for (const number of rounds) { counts.set(number, (counts.get(number) || 0) + 1); }
    const seen = new Map();
    return rounds.map((number) => {
      const before = seen.get(number) || 0;
      seen.set(number, before + 1);
      return number - 1 + (before + 0.5) / counts.get(number);
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
    const unpriced = of.every((index) => found.round_p[index] === null || found.round_p[index] === 0 || found.round_p[index] === 1);
    const without = of.length ? ": it was not priced, because no round model was promoted then." : " has not begun.";
    place("round-hint").textContent = `Round ${round}${unpriced ? without : ""}`;
    place("round-curve").hidden = unpriced;
    place("round-marks").hidden = unpriced;
    if (unpriced) { await drawEvents(round); return; }
    const pick = (values) => of.map((index) => values[index]);
    const begun = of.length ? found.at[of[0]] : 0;
    const x = pick(found.at).map((at) => at - begun);
    const marks = pick(found.trigger);
    const symbol = { kill: "x", bomb_planted: "star", bomb_defused: "diamond", bomb_exploded: "hexagram" };
    Plotly.react(place("round-curve"), [
      { x, y: pick(found.round_high), mode: "lines", line: { width: 0, shape: "hv" }, hoverinfo: "skip" },
      { x, y: pick(found.round_low), mode: "lines", line: { width: 0, shape: "hv" }, fill: "tonexty", fillcolor: colour("ct-soft"), hoverinfo: "skip" },
      { x, y: pick(found.round_p), mode: "lines", line: { color: colour("accent"), width: 2, shape: "hv" }, hoverinfo: "skip" },
      {
        x, y: pick(found.round_p), mode: "markers", customdata: marks.map((mark) => mark.replaceAll("_", " ")),
        marker: { symbol: marks.map((mark) => symbol[mark] || "circle"), size: marks.map((mark) => (symbol[mark] ? 11 : 4)), color: colour("ink") },
        hovertemplate: `${teamA} %{y:.1%}<br>%{customdata}<extra></extra>`,
      },
    ], layout({ xaxis: axis("seconds", {}), yaxis: axis(`${teamA} win the round`, { range: [0, 1], tickformat: ".0%" }) }), options);
    await drawEvents(round);
  }

  const dollars = (value) => (value === null || value === undefined ? "–" : `$${Math.round(value).toLocaleString("en-US")}`);
  const clock = (seconds) => (seconds === null || seconds === undefined ? "–" : `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`);
  const count = (value) => (value === null || value === undefined ? "–" : String(value));

  async function drawEvents(asked) {
    const base = `${api}/maps/${encodeURIComponent(map)}/rounds/${asked}`;
    let answers = [];
    try { answers = await Promise.all([fetch(`${base}/events`), fetch(`${base}/states`)]); } catch { return; } // asked again with the next price
    if (!answers.every((one) => one.ok) || asked !== round) { return; }
    const [events, states] = await Promise.all(answers.map((one) => one.json()));
    const known = new Map(states.map((one) => [one.event_id, one]));
    const found = story.points;
    place("known-scroll").hidden = false;
    place("known-note").hidden = false;
    let before = null;
    const price = (index) => {
      if (index < 0 || found.p[index] === null) { return "–"; }
      const moved = before === null ? 0 : Math.round(100 * (found.p[index] - before));
      before = found.p[index];
      return `${percent(before)}${moved ? ` (${points(moved / 100)})` : ""}`;
    };
    const told = (one) => (one.type === "round_end" ? `${one.payload.winner_team === "A" ? teamA : teamB} win the round` : one.words);
    place("round-events").replaceChildren(...events.filter((one) => !UNTOLD.has(one.type)).map((one) => {
      const index = found.event_id.indexOf(one.event_id);
      const state = known.get(one.event_id);
      const item = element("tr", "");
      const head = element("th", "", { scope: "row" });
      head.append(element("a", told(one), { href: address(asked, one.event_id) }));
      item.append(head, ...[
        price(index),
        state ? `${clock(state.time_remaining)}${state.bomb_planted ? " ✹" : ""}` : "–",
        state ? `${count(state.team_a.alive)} v ${count(state.team_b.alive)}` : "–",
        dollars(state?.team_a.equip_value), dollars(state?.team_b.equip_value),
      ].map((text) => element("td", text, { className: "n" })));
      if (one.event_id === moment) { item.className = "chosen"; }
      return item;
    }));
    economy(events, known);
  }

  function economy(events, known) {
    // What both sides bought is settled when freeze time ends; before that the round's first state stands for it.
    const bought = events.find((one) => one.type === "freeze_time_ended" && known.has(one.event_id));
    const state = bought ? known.get(bought.event_id) : [...known.values()][0];
    place("economy").hidden = !state;
    place("economy-hint").textContent = state ? `Round ${round}, ${bought ? "at the end of freeze time" : "at its first event"}.` : "Nothing is known of this round's economies.";
    if (!state) { return; }
    const most = Math.max(1, state.team_a.equip_value || 0, state.team_b.equip_value || 0);
    const other = state.team_a_side === "CT" ? "T" : "CT";
    place("economy").tBodies[0].replaceChildren(...[[teamA, state.team_a_side, state.team_a], [teamB, other, state.team_b]].map(([name, side, of]) => {
      const row = element("tr", "");
      const cell = element("td", "", { className: "wide" });
      cell.append(bar((of.equip_value || 0) / most, side === "CT" ? "fill-left" : "fill-right"));
      row.append(element("th", name, { scope: "row" }), element("td", side, { className: side.toLowerCase() }), element("td", dollars(of.money), { className: "n" }),
        element("td", dollars(of.equip_value), { className: "n" }), cell);
      return row;
    }));
  }

  let compared = null;

  async function offerVersions() {
    const form = place("versions");
    if (form.first.options.length) { return; }
    const response = await fetch("/api/v1/models/round_predictor/versions");
    const found = response.ok ? await response.json() : [];
    place("compare-said").textContent = !response.ok ? "The versions cannot be listed at the moment." : found.length < 2 ? "With fewer than two versions there is nothing to compare yet." : "";
    for (const select of [form.first, form.second]) {
      select.replaceChildren(...found.map((one) => element("option", `${one.version}${one.champion ? " (champion)" : ""}`, { value: one.version })));
    }
    const champion = found.findIndex((one) => one.champion);
    form.first.selectedIndex = Math.max(0, champion);
    form.second.selectedIndex = found.findIndex((_, index) => index !== form.first.selectedIndex);
  }

  async function compare(event) {
    event.preventDefault();
    const form = place("versions");
    place("compare-said").textContent = "pricing …";
    const query = new URLSearchParams([["version", form.first.value], ["version", form.second.value]]);
    const response = await fetch(`${api}/maps/${encodeURIComponent(map)}/versions?${query}`);
    const found = await response.json();
    if (!response.ok) { place("compare-said").textContent = found.detail; return; }
    compared = found;
    const pairs = found[0].p.map((p, index) => [p, found[1].p[index]]).filter(([p, q]) => p !== null && q !== null);
    const apart = pairs.map(([p, q]) => Math.abs(p - q));
    place("compare-said").textContent = apart.length ? `On average ${(100 * apart.reduce((a, b) => a + b, 0) / apart.length).toFixed(1)} points apart, at most ${(100 * Math.max(...apart)).toFixed(1)}.` : "Neither version prices this map.";
    place("compare-figures").hidden = false;
    place("compare-figures").tBodies[0].replaceChildren(...found.map((one) => {
      const row = element("tr", "");
      row.append(element("th", one.version, { scope: "row" }), element("td", one.log_loss === null ? "–" : one.log_loss.toFixed(4), { className: "n" }));
      return row;
    }));
    drawCompared();
  }

  function drawCompared() {
    if (!compared) { return; }
    const { axis, colour, layout, options } = window.charts;
    place("compare-curve").hidden = false;
    Plotly.react(place("compare-curve"), compared.map((one, number) => ({
      x: places(one), y: one.p, mode: "lines", name: `version ${one.version}`,
      line: { color: colour(number ? "t" : "accent"), dash: number ? "dash" : "solid", width: 2, shape: "hv" },
      hovertemplate: `version ${one.version}: %{y:.1%}<extra></extra>`,
    })), layout({ showlegend: true, legend: { orientation: "h", y: 1.1 }, xaxis: axis("round", {}), yaxis: axis(`${teamA} win the map`, { range: [0, 1], tickformat: ".0%" }) }), options);
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
    const most = Math.max(...story.movers.map((one) => Math.abs(one.moved)));
    place("movers").replaceChildren(...story.movers.slice(0, 10).map((one) => {
      const row = element("tr", "");
      const head = element("th", one.player_id, { scope: "row" });
      head.append(element("span", one.team === "A" ? teamA : teamB, { className: "of" }));
      const cell = element("td", "", { className: "wide" });
      cell.append(bar(Math.abs(one.moved) / most, one.moved < 0 ? "fill-right" : "fill-left"));
      row.append(head, element("td", points(one.moved), { className: "n" }), cell);
      return row;
    }));
    if (!story.movers.length) { place("movers").replaceChildren(element("tr", "")); place("movers").rows[0].append(element("td", "nobody yet", { className: "muted", colSpan: 3 })); }
  }

  async function load() {
    const response = await fetch(`${api}/curve`);
    if (!response.ok) { throw new Error(`the curve's answer was ${response.status}`); }
    story = (await response.json()).find((one) => one.map_id === map) || { points: { event_id: [], at: [], round_no: [], trigger: [], p: [], low: [],
      high: [], round_p: [], round_low: [], round_high: [] }, swings: [], movers: [] };
    root.dataset.prices = String(story.points.p.length);
    drawCurve();
    lists();
    drawRound();
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
  place("compare").addEventListener("toggle", () => { if (place("compare").open) { offerVersions(); } });
  place("versions").addEventListener("submit", compare);
  document.addEventListener("themechange", () => { if (story) { drawCurve(); drawRound(); drawCompared(); } });
  soon(0);
  if (root.dataset.status === "LIVE") {
    follow();
    setInterval(() => { place("late").hidden = Date.now() - newest < LATE; }, 1000);
  }
})();
