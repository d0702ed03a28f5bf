// The live run page: asks for what is new every two seconds until the run has ended.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const root = document.getElementById("run");
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const byId = (id) => document.getElementById(id);
  const charts = read("run-charts");
  const steps = new Map(); // metric -> Map(step -> value): a resumed step counts once
  let last = 0;
  let failures = 0;
  const began = byId("run-state").textContent.trim();

  function take(now) {
    last = Math.max(last, now.last);
    for (const { step, metrics } of now.points) {
      for (const [name, value] of Object.entries(metrics)) {
        if (!steps.has(name)) steps.set(name, new Map());
        steps.get(name).set(step, value);
      }
    }
    if (now.points.length) redraw();
    say(now);
  }

  function redraw() {
    const points = new Map();
    for (const [name, values] of steps) {
      points.set(
        name,
        [...values].sort((a, b) => a[0] - b[0]),
      );
    }
    const { drawn, rest } = window.HoneCurves.ofRun(charts, points);
    for (const { key, chart } of drawn) {
      window.HoneCurves.put(byId("run-curves"), key, chart);
    }
    byId("run-no-curves").hidden = drawn.length > 0;
    const more = byId("run-more");
    more.hidden = rest.length === 0;
    for (const { key, chart } of rest) {
      window.HoneCurves.put(more.querySelector(".hn-grid"), key, chart);
    }
  }

  const tones = {
    succeeded: "hn-good",
    failed: "hn-bad",
    queued: "hn-busy",
    running: "hn-busy",
    preempted: "hn-busy",
  };

  function say(now) {
    const badge = document.createElement("span");
    badge.className = `hn-badge ${tones[now.state] || "hn-quiet"}`;
    badge.textContent = now.state_label;
    byId("run-state").replaceChildren(badge);
    if (byId("run-said").textContent !== now.said) {
      byId("run-said").textContent = now.said;
    }
    const meter = byId("run-meter");
    meter.firstElementChild.style.width = `${now.percent ?? 0}%`;
    if (now.percent === null) meter.removeAttribute("aria-valuenow");
    else meter.setAttribute("aria-valuenow", String(Math.round(now.percent)));
    const about = [];
    if (now.attempt > 1) about.push(`attempt ${now.attempt}`);
    if (now.worker) about.push(`on ${now.worker}`);
    if (now.state === "running" && now.heartbeat_seconds !== null) {
      about.push(`heard from ${Math.round(now.heartbeat_seconds)} s ago`);
    }
    byId("run-worker").textContent = about.join(" · ");
    const cancel = byId("run-cancel");
    if (cancel) {
      const open = ["draft", "queued", "running", "preempted"].includes(now.state);
      cancel.hidden = !open || now.cancelling;
      byId("run-retry").hidden = !["failed", "cancelled"].includes(now.state);
    }
    const metrics = byId("run-metrics");
    const facts = Object.entries(now.metrics).filter(
      ([name, value]) => typeof value === "number" && !/^(first|last)\//.test(name),
    );
    if (facts.length) {
      metrics.replaceChildren(
        ...facts.flatMap(([name, value]) => {
          const term = document.createElement("dt");
          const said = document.createElement("dd");
          term.textContent = name;
          said.textContent = window.HoneCharts.format(value);
          return [term, said];
        }),
      );
    }
    for (const event of now.events) {
      const line = document.createElement("li");
      line.className = "hn-num";
      const time = document.createElement("span");
      time.className = "hn-quiet";
      time.textContent = new Date(event.at).toLocaleTimeString() + " ";
      const words = event.kind + (event.step === null ? "" : `, step ${event.step}`);
      line.append(time, words);
      byId("run-events").append(line);
    }
    const log = byId("run-log");
    if (now.log && log.textContent !== now.log) {
      const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
      log.textContent = now.log;
      if (atEnd) log.scrollTop = log.scrollHeight;
    }
  }

  async function ask() {
    if (document.hidden) return setTimeout(ask, 2000);
    try {
      const answer = await fetch(`${root.dataset.live}?after=${last}`, {
        headers: { Accept: "application/json" },
        redirect: "error",
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const now = await answer.json();
      failures = 0;
      take(now);
      if (now.final) {
        // Links to what the run made are drawn by the server.
        if (now.state_label !== began) setTimeout(() => location.reload(), 400);
        return;
      }
    } catch {
      failures += 1;
      if (failures > 2) {
        byId("run-said").textContent = "No answer from the server; asking again.";
      }
    }
    setTimeout(ask, Math.min(30000, 2000 * 2 ** Math.max(0, failures - 2)));
  }

  const now = read("run-now");
  take(now);
  byId("run-log").scrollTop = byId("run-log").scrollHeight;
  if (!now.final) setTimeout(ask, 2000);
});
