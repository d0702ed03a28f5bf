// The budget slider: predicted accuracy against spend, and the point it stands on.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const source = document.getElementById("routing-data");
  const slider = document.getElementById("share");
  if (!source || !slider) return;
  const { curve, outcome, share } = JSON.parse(source.textContent);
  const figure = document.getElementById("routing-chart");
  const { draw, format } = window.HoneCharts;

  function at(percent) {
    return curve.filter((point) => point.share <= percent / 100 + 1e-9).pop() || curve[0];
  }

  function say(id, words, small) {
    const node = document.getElementById(id);
    if (!node) return;
    node.textContent = words;
    if (!small) return;
    const beside = document.createElement("small");
    beside.textContent = ` ${small}`;
    node.append(beside);
  }

  function title(point) {
    if (point.accuracy === undefined) return `${format(point.spend)} spent`;
    const now = `${format(point.accuracy)} predicted for ${format(point.spend)}`;
    return outcome.accuracy === undefined
      ? now
      : `${now}; it was ${format(outcome.accuracy)}`;
  }

  function show() {
    const point = at(Number(slider.value));
    say("share-words", `${slider.value}%`);
    const link = document.getElementById("at-share");
    if (link) link.value = String(Number(slider.value) / 100);
    say("at-spend", format(point.spend));
    say("at-people", format(point.people));
    say("at-ai", format(point.ai));
    if (point.accuracy !== undefined) {
      const ends = `${format(point.low)} to ${format(point.high)}`;
      say("at-accuracy", format(point.accuracy), ends);
      say("at-random", format(point.random));
      picture(point);
    }
  }

  function line(name, label, colour, dash) {
    const points = curve.map((point) => [point.spend, point[name]]);
    return { label, points, colour, dash, exact: true };
  }

  function picture(point) {
    const series = [
      line("accuracy", "predicted", 0, ""),
      line("random", "random", 1, "6 3"),
      line("high", "at best", 2, "2 3"),
      line("low", "at worst", 2, "2 3"),
    ];
    if (outcome.accuracy !== undefined && share !== null) {
      const spend = at(100 * share).spend;
      series.push({
        label: "it was",
        points: [
          [spend, outcome.low],
          [spend, outcome.high],
        ],
        colour: 3,
        dash: "",
        exact: true,
      });
    }
    draw(figure, {
      title: title(point),
      series,
      xLabel: "spend",
      marker: { x: point.spend, y: point.accuracy, label: `at ${slider.value}%` },
    });
  }

  if (curve[0].accuracy === undefined) figure.remove();
  slider.addEventListener("input", show);
  show();
});
