// A player's own plan: asked with the session of this page, planned anew, deleted.
"use strict";
(() => {
  const place = document.getElementById("plan");
  const at = (name) => document.getElementById(name);
  const base = `/api/v1/players/${encodeURIComponent(place.dataset.player)}`;

  const ask = async (end, options = {}) => {
    const headers = { ...window.session.headers(), ...(options.body ? { "Content-Type": "application/json" } : {}) };
    const answered = await fetch(`${base}/${end}`, { ...options, headers });
    if (answered.status === 204) { return null; }
    const body = await answered.json();
    if (!answered.ok) { throw new Error(body.detail); }
    return body;
  };
  const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });

  const showPlan = (plan) => {
    at("plan-items").replaceChildren(...(plan ? plan.items : []).map((item) => {
      const entry = element("li", "");
      entry.append(
        element("b", `${item.drill.title}: ${item.sessions} × ${item.drill.minutes} min`),
        element("p", item.reason), element("p", item.drill.how), element("p", `It went well if: ${item.drill.measure}`),
      );
      if (item.assigned) { entry.append(element("p", `A coin chose it over ${item.alternative}.`)); }
      return entry;
    }));
    at("plan-note").textContent = plan ? plan.note : "You have no plan yet.";
  };
  const words = (trial) => {
    if (trial.answer !== "not known yet") { return `${trial.skill}: ${trial.answer}`; }
    const wait = trial.matches_needed ? `, about ${trial.matches_needed} more matches` : "";
    return `${trial.skill}: not known yet after ${trial.matches} matches${wait}`;
  };
  const show = async () => {
    showPlan((await ask("plan")).plan);
    const progress = await ask("progress");
    at("progress").replaceChildren(...progress.trials.map((trial) => element("li", words(trial))));
  };
  const said = (work) => async (event) => {
    event.preventDefault();
    try { await work(); } catch (error) { at("plan-note").textContent = error.message; }
  };

  at("plan-form").addEventListener("submit", said(async () => {
    const wish = { minutes: Number(at("minutes").value), coin: at("coin").checked };
    await ask("plan", { method: "POST", body: JSON.stringify(wish) });
    await show();
  }));
  at("forget").addEventListener("click", said(async () => {
    await ask("plan", { method: "DELETE" });
    await show();
  }));
  at("show-plan").addEventListener("click", said(async () => {
    await show();
    at("plan-form").hidden = false;
    at("show-plan").hidden = true;
  }));
})();
