// Pictures drawn from the tables and documents of a page, in the page's own colours, drawn anew when these change.
"use strict";
(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const layout = (more) => ({
    margin: { l: 62, r: 24, t: 10, b: 46 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, color: colour("soft"), size: 13 },
    showlegend: false, hovermode: "closest", ...more,
  });
  const axis = (title, more) => ({
    title: { text: title }, gridcolor: colour("line"), zeroline: false, linecolor: colour("line"), fixedrange: true, ...more,
  });
  const options = { displayModeBar: false, responsive: true };
  const narrow = matchMedia("(max-width: 600px)");

  function reliability(place) {
    const rows = [...document.querySelectorAll("#reliability tbody tr")].map((row) =>
      [...row.cells].map((cell) => Number(cell.textContent.replaceAll(",", ""))));
    const column = (number) => rows.map((row) => row[number]);
    const share = { range: [0, 1], tickformat: ".0%" };
    Plotly.react(place, [
      { x: [0, 1], y: [0, 1], mode: "lines", line: { color: colour("soft"), dash: "dot", width: 1 }, hoverinfo: "skip" },
      {
        x: column(0), y: column(1), mode: "markers+lines", marker: { color: colour("accent"), size: 8 }, line: { color: colour("accent"), width: 1 },
        error_y: {
          type: "data", symmetric: false, array: rows.map((row) => row[3] - row[1]), arrayminus: rows.map((row) => row[1] - row[2]),
          color: colour("accent"), thickness: 1.5, width: 3,
        },
        customdata: column(4), hovertemplate: "predicted %{x:.1%}, observed %{y:.1%}<br>%{customdata:,} moments<extra></extra>",
      },
    ], layout({ xaxis: axis(place.dataset.predicted, share), yaxis: axis(place.dataset.observed, share) }), options);
  }

  function slices(place) {
    const table = document.getElementById("slices");
    const named = [...table.tHead.rows[0].cells].map((one) => one.textContent);
    const [gap, low, high] = ["gap", "gap low", "gap high"].map((name) => named.indexOf(name));
    const rows = [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent))
      .map((row) => ({ name: row[0] === row[1] ? row[0] : `${row[0]}: ${row[1]}`, gap: 100 * Number(row[gap]), low: 100 * Number(row[low]), high: 100 * Number(row[high]) }))
      .filter((row) => [row.gap, row.low, row.high].every(Number.isFinite)).reverse();
    const sure = (row) => row.low > 0 || row.high < 0;
    const above = (row) => ({  // on a narrow page a name stands over its point: beside it, it would leave no room
      text: row.name, xref: "paper", x: 0, xanchor: "left", y: row.name, yshift: 12, showarrow: false, font: { size: 12 },
    });
    Plotly.react(place, [{
      x: rows.map((row) => row.gap), y: rows.map((row) => row.name), mode: "markers", type: "scatter",
      marker: { color: rows.map((row) => colour(sure(row) ? "bad" : "accent")), symbol: rows.map((row) => (sure(row) ? "diamond" : "circle")), size: 8 },
      error_x: { type: "data", symmetric: false, array: rows.map((row) => row.high - row.gap), arrayminus: rows.map((row) => row.gap - row.low), color: colour("soft"), thickness: 1.5, width: 3 },
      hovertemplate: "%{y}: %{x:+.1f} points<extra></extra>",
    }], layout({
      height: 80 + (narrow.matches ? 36 : 22) * rows.length,
      ...(narrow.matches ? { annotations: rows.map(above), margin: { l: 10, r: 10, t: 20, b: 46 } } : {}),
      xaxis: axis("prediction minus outcome, points", { tickformat: "+.0f", zeroline: true, zerolinecolor: colour("soft") }),
      yaxis: axis("", { automargin: true, type: "category", tickfont: { size: 12 }, dtick: 1, showticklabels: !narrow.matches }),
    }), options);
  }

  const drawings = { reliability, slices };
  const draw = () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      drawings[place.dataset.chart]?.(place);
    }
  };
  window.charts = { axis, colour, drawings, layout, options };
  document.addEventListener("DOMContentLoaded", draw);
  narrow.addEventListener("change", draw);
  document.addEventListener("themechange", () => { if (document.readyState !== "loading") { draw(); } });
})();
