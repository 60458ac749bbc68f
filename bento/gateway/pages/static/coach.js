// A player's own plan: asked with the session of this page, planned anew, edited, ticked off, shared, deleted.
"use strict";
(() => {
  const place = document.getElementById("plan");
  const at = (name) => document.getElementById(name);
  const { api, drills } = place.dataset;

  const ask = async (end, options = {}) => {
    const headers = { ...window.session.headers(), ...(options.body ? { "Content-Type": "application/json" } : {}) };
    const answered = await fetch(`${api}/${end}`, { ...options, headers });
    if (answered.status === 204) { return null; }
    const body = await answered.json();
    if (!answered.ok) { throw new Error(body.detail); }
    return body;
  };
  const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });
  const said = (work) => async (event) => {
    event.preventDefault();
    try { await work(); } catch (error) { at("plan-note").textContent = error.message; }
  };

  const put = (end, body) => ask(end, { method: "PUT", body: JSON.stringify(body) });
  const sessions = (plan, item) => Array.from({ length: item.sessions }, (_, index) => {
    const label = element("label", "");
    const box = Object.assign(element("input", ""), { type: "checkbox" });
    box.checked = (plan.ticks[item.drill.name] || []).includes(index + 1);
    box.addEventListener("change", said(async () => {
      showPlan((await put("plan/ticks", { drill: item.drill.name, session: index + 1, done: box.checked })).plan);
    }));
    label.append(box, ` session ${index + 1} `);
    return label;
  });
  const changes = (plan, item) => [[-1, "One session less"], [1, "One session more"]].map(([by, words]) => {
    const button = Object.assign(element("button", words), { type: "button" });
    button.setAttribute("aria-label", `${words}: ${item.drill.title}`);
    button.addEventListener("click", said(async () => {
      const wanted = plan.items.map((one) => ({
        drill: one.drill.name, sessions: one.sessions + (one === item ? by : 0),
      })).filter((one) => one.sessions > 0);
      showPlan((await put("plan", { items: wanted })).plan);
    }));
    return button;
  });

  const title = (item) => {
    const whole = element("b", `: ${item.sessions} × ${item.drill.minutes} min`);
    whole.prepend(Object.assign(element("a", item.drill.title), { href: `${drills}#${encodeURIComponent(item.drill.name)}` }));
    return whole;
  };
  const showPlan = (plan) => {
    at("plan-items").replaceChildren(...(plan ? plan.items : []).map((item) => {
      const entry = element("li", "");
      entry.append(
        title(item),
        element("p", item.reason), element("p", item.drill.how), element("p", `How to tell: ${item.drill.measure}`),
      );
      if (item.assigned) { entry.append(element("p", `A coin chose it over ${item.alternative}.`)); }
      entry.append(...sessions(plan, item), ...changes(plan, item));
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
    // Only the player knows who else may see the plan; whoever else sees it cannot change it.
    const shares = await ask("plan/shares").catch(() => null);
    at("share-form").hidden = shares === null;
    if (shares !== null) { showShares(shares); }
  };
  const showShares = (shares) => {
    at("shares").replaceChildren(...shares.usernames.map((name) => {
      const entry = element("li", `${name} may see your plan. `);
      const button = Object.assign(element("button", `No longer`), { type: "button" });
      button.setAttribute("aria-label", `No longer: ${name}`);
      button.addEventListener("click", said(async () => {
        await ask(`plan/shares/${encodeURIComponent(name)}`, { method: "DELETE" });
        showShares(await ask("plan/shares"));
      }));
      entry.append(button);
      return entry;
    }));
  };

  at("plan-form").addEventListener("submit", said(async () => {
    const wish = { minutes: Number(at("minutes").value), coin: at("coin").checked };
    await ask("plan", { method: "POST", body: JSON.stringify(wish) });
    await show();
  }));
  at("share-form").addEventListener("submit", said(async () => {
    const wish = { username: at("username").value };
    showShares(await ask("plan/shares", { method: "POST", body: JSON.stringify(wish) }));
    at("username").value = "";
  }));
  at("forget").addEventListener("click", said(async () => {
    await ask("plan", { method: "DELETE" });
    await show();
  }));
  at("show-plan").addEventListener("click", said(async () => {
    await show();
    at("plan-form").hidden = at("share-form").hidden;
    at("show-plan").hidden = true;
  }));
})();
