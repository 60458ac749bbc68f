// The form, the newest forecasts, their scores and the ledger, all through the public API.
"use strict";
(() => {
  const place = (id) => document.getElementById(id);
  const { count, element, percent } = window.words;
  const names = new Map([...document.querySelectorAll("#team1 option")].map((one) => [one.value, one.textContent]));
  const called = (id) => names.get(id) || id;
  const figure = (value) => (value === null ? "–" : value.toFixed(3).replace(/^0/, ""));
  let drawn = null;
  let bins = null;

  async function asked(path, options, tries = 0) {
    const response = await fetch(path, options);
    const found = await response.json();
    if (response.status === 503 && tries > 0) { // the champion is fetched once somebody asks
      await new Promise((done) => { setTimeout(done, 1500); });
      return asked(path, options, tries - 1);
    }
    if (!response.ok) {
      const errors = (found.errors || []).map((one) => `${one.field}: ${one.message}`).join("; ");
      throw new Error(errors || found.detail || found.title);
    }
    return found;
  }

  function row(cells, heads = 1) {
    const made = element("tr", "");
    made.append(...cells.map(([text, kind], number) => element(number < heads ? "th" : "td", text, { className: kind || "" })));
    for (const head of made.querySelectorAll("th")) { head.scope = "row"; }
    return made;
  }

  function drawScores() {
    if (!drawn) { return; }
    const { axis, colour, layout, options } = window.charts;
    const scores = [...drawn.final_scores].sort((a, b) => (a.team1 - a.team2) - (b.team1 - b.team2));
    Plotly.react(place("scores"), [{
      type: "bar", x: scores.map((one) => `${one.team1}:${one.team2}`), y: scores.map((one) => one.probability),
      marker: { color: scores.map((one) => (one.team1 > one.team2 ? colour("ct") : colour("t"))), pattern: { shape: scores.map((one) => (one.team1 > one.team2 ? "" : "/")) } },
      hovertemplate: "%{x}: %{y:.1%}<extra></extra>",
    }], layout({ xaxis: axis("", { type: "category" }), yaxis: axis("", { tickformat: ".0%" }) }), options);
  }

  function drawCalibration() {
    if (!bins) { return; }
    const { axis, colour, layout, options } = window.charts;
    const share = { range: [0, 1], tickformat: ".0%" };
    Plotly.react(place("calibration"), [
      { x: [0, 1], y: [0, 1], mode: "lines", line: { color: colour("soft"), dash: "dot", width: 1 }, hoverinfo: "skip" },
      { x: bins.map((one) => one.mean_probability), y: bins.map((one) => one.share_won), mode: "markers",
        marker: { color: colour("accent"), size: bins.map((one) => 6 + 10 * Math.sqrt(one.weight / Math.max(...bins.map((each) => each.weight)))) },
        hovertemplate: "forecast %{x:.0%}, came true %{y:.0%}<extra></extra>" },
    ], layout({ xaxis: axis("forecast", share), yaxis: axis("came", share) }), options);
  }

  function market(found) {
    const of = found.market;
    place("market").hidden = !of;
    place("answer-market").setAttribute("x", String(of ? 100 * of.team1_win_probability - 0.2 : -1));
    if (!of) { return; }
    const apart = Math.round(100 * (found.team1_win_probability - of.team1_win_probability));
    const where = found.interval[0] <= of.team1_win_probability && of.team1_win_probability <= found.interval[1] ? "inside" : "outside";
    place("market").textContent = `The market gives ${found.team1.name} ${percent(of.team1_win_probability)} (the mark in the bar), without its margin of ${(100 * of.margin).toFixed(1)} %: the forecast is ${apart === 0 ? "the same" : `${Math.abs(apart)} points ${apart > 0 ? "higher" : "lower"}`}, and the market is ${where} its interval. The odds are part of the forecast's ledger entry.`;
  }

  // A line-up is written as names with ids in brackets; whoever is typed without one is looked for by the API.
  const written = (player) => `${player.name} (${player.id})`;
  const lineUp = (side) => [...document.querySelectorAll(`[name=player${side}]`)];

  async function latestLineUp(side) {
    const team = place(`team${side}`).value;
    if (!team || !place("line-ups").open) { return; }
    const ids = (await asked(`/api/v1/teams/${encodeURIComponent(team)}`)).player_ids;
    const players = await Promise.all(ids.map((id) => asked(`/api/v1/players/${encodeURIComponent(id)}`)));
    if (place(`team${side}`).value !== team) { return; }
    lineUp(side).forEach((input, number) => { input.value = players[number] ? written(players[number]) : ""; });
  }

  async function offerPeople(event) {
    const text = event.target.value.trim();
    if (text.length < 2 || text.endsWith(")")) { return; }
    const found = (await asked(`/api/v1/players?limit=10&q=${encodeURIComponent(text)}`)).items;
    place("people").replaceChildren(...found.map((one) => element("option", "", { value: written(one) })));
  }

  function typedLineUps() {
    if (!place("line-ups").open) { return {}; }
    const ids = (side) => lineUp(side).map((input) => input.value.trim()).filter(Boolean).map((text) => text.match(/\(([^()]+)\)$/)?.[1] || text);
    return { team1_player_ids: ids(1), team2_player_ids: ids(2) };
  }

  function typedOdds(form) {
    const typed = [form.get("market1"), form.get("market2")];
    if (typed.every((one) => one === "")) { return {}; }
    if (typed.some((one) => one === "")) { throw new Error("Give a bookmaker's odds for both teams, or for neither."); }
    return { market_odds: typed.map(Number) };
  }

  function answer(found) {
    drawn = found;
    place("answer").hidden = false;
    place("answer-heading").textContent = `${found.team1.name} against ${found.team2.name}, best of ${found.best_of}`;
    place("answer-p").textContent = `${percent(found.team1_win_probability)} : ${percent(found.team2_win_probability)}`;
    place("answer-left").setAttribute("width", String(100 * found.team1_win_probability));
    place("answer-band").setAttribute("x", String(100 * found.interval[0]));
    place("answer-band").setAttribute("width", String(100 * (found.interval[1] - found.interval[0])));
    place("answer-interval").textContent = `${found.team1.name} between ${percent(found.interval[0])} and ${percent(found.interval[1])}, match_forecaster version ${found.model_version}`;
    place("map-team").textContent = `${found.team1.name} win`;
    place("maps").replaceChildren(...found.maps.map((one) => row([
      [`${one.map_id === null ? "any map" : called(one.map_id)}${one.known ? "" : " (if drawn)"}`], [percent(one.team1_win_probability), "n"],
      [`${percent(one.interval[0])} – ${percent(one.interval[1])}`, "n"],
    ])));
    place("notes").replaceChildren(...found.notes.map((text) => element("li", text)));
    place("place").textContent = `entry ${count(found.ledger.seq)} of the ledger, ${found.ledger.hash.slice(0, 16)}…`;
    drawScores();
  }

  async function ask(event) {
    event.preventDefault();
    const form = new FormData(place("ask"));
    place("refused").hidden = true;
    const starts = form.get("starts_at");
    try {
      const odds = typedOdds(form);
      const found = await asked("/api/v1/forecasts/series", {
        method: "POST", headers: { "Content-Type": "application/json", ...window.session.headers() },
        body: JSON.stringify({ team1_id: form.get("team1"), team2_id: form.get("team2"), best_of: Number(form.get("best_of")), map_ids: form.getAll("map"), ...(starts ? { starts_at: `${starts}:00Z` } : {}), ...odds, ...typedLineUps() }),
      }, 4);
      answer(found);
      market(found);
      newest();
      good();
      head();
    } catch (error) {
      place("answer").hidden = true;
      place("refused").hidden = false;
      place("refused").textContent = error.message;
    }
  }

  async function newest() {
    const found = (await asked("/api/v1/forecasts?limit=20")).items;
    place("newest").replaceChildren(...found.map((one) => row([
      [new Date(one.asked_at).toISOString().slice(0, 16).replace("T", " ")], [`${called(one.team1_id)} – ${called(one.team2_id)}`],
      [percent(one.team1_win_probability), "n"], [one.market ? percent(one.market.team1_win_probability) : "–", "n"], [one.settlement ? one.settlement.status.replaceAll("_", " ") : "open"],
    ], 0)));
    if (!found.length) { place("newest").replaceChildren(row([["none yet", "muted"]], 0)); }
  }

  const signed = (value) => `${value < 0 ? "−" : "+"}${figure(Math.abs(value))}`;
  const distance = (of) => (!of ? "–" : `${signed(of.difference)}${of.interval ? ` (${of.interval.map(signed).join(" to ")})` : ""}`);

  async function good() {
    const found = await asked("/api/v1/forecasts/scores");
    const { overall } = found;
    for (const [name, groups] of [["month", found.by_month], ["version", found.by_version], ["month-and-version", found.by_month_and_version]]) {
      place(`by-${name}`).replaceChildren(...groups.map((one) => row([
        [one.name], [count(one.matches), "n"], [figure(one.log_loss), "n"], [figure(one.brier), "n"], [figure(one.calibration_error), "n"],
        [one.market ? count(one.market.matches) : "–", "n"], [distance(one.market), "n"]])));
      if (!groups.length) { place(`by-${name}`).replaceChildren(row([["none yet", "muted"]], 0)); }
    }
    place("good").replaceChildren(
      row([["forecasts"], [count(overall.forecasts), "n"]]), row([["still open"], [count(overall.open), "n"]]),
      row([["log loss"], [figure(overall.log_loss), "n"]]), row([["Brier score"], [figure(overall.brier), "n"]]),
      row([["calibration error"], [figure(overall.calibration_error), "n"]]),
      ...(overall.market ? [row([[`log loss less the market's, ${overall.market.matches} with odds`], [distance(overall.market), "n"]])] : []));
    const settled = [overall, ...found.by_month, ...found.by_version.map((one) => ({ ...one, name: `version ${one.name}` })), ...found.by_month_and_version]
      .filter((one) => one.matches > 0);
    place("nothing-settled").hidden = settled.length > 0;
    for (const id of ["shown-scores", "calibration", "calibration-numbers"]) { place(id).hidden = !settled.length; }
    place("which").replaceChildren(...settled.map((one, number) => element("option", number ? one.name : "all forecasts", { value: String(number) })));
    place("which").onchange = () => {
      bins = settled[Number(place("which").value)].bins;
      place("ranges").replaceChildren(...bins.map((one) => row([
        [`${percent(one.low)} – ${percent(one.high)}`], [percent(one.mean_probability), "n"], [percent(one.share_won), "n"], [one.weight.toFixed(1).replace(".0", ""), "n"]])));
      drawCalibration();
    };
    if (settled.length) { place("which").onchange(); }
  }

  async function head() {
    const found = await asked("/api/v1/forecasts/ledger");
    place("head").textContent = found.head.seq === 0 ? "No entry yet." : `Newest: entry ${count(found.head.seq)}, ${found.head.hash.slice(0, 24)}…`;
  }

  async function verify() {
    const place_ = place("verified");
    place_.textContent = "verifying …";
    place_.className = "";
    try {
      const found = await asked("/api/v1/forecasts/ledger/verify");
      place_.className = found.holds ? "good" : "bad";
      place_.textContent = found.holds ? `✓ every entry (${count(found.entries)}) is as it was written`
        : `✗ ${found.faults.map((one) => `entry ${count(one.seq)}: ${one.what}`).join("; ")}`;
    } catch (error) { place_.textContent = error.message; }
  }

  place("ask")?.addEventListener("submit", ask);
  place("verify").addEventListener("click", verify);
  const quietly = (work) => (event) => { work(event).catch(() => { /* the fields stay as they are */ }); };
  place("line-ups")?.addEventListener("toggle", quietly(() => Promise.all([latestLineUp(1), latestLineUp(2)])));
  for (const side of [1, 2]) { place(`team${side}`)?.addEventListener("change", quietly(() => latestLineUp(side))); }
  for (const input of [...lineUp(1), ...lineUp(2)]) { input.addEventListener("input", quietly(offerPeople)); }
  document.addEventListener("themechange", () => { drawScores(); drawCalibration(); });
  for (const load of [newest, good, head]) { load().catch(() => { /* the page says nothing it does not know */ }); }
})();
