// Several runs in one picture a metric; colour and dash tell them apart, and a label.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const source = document.getElementById("compare-data");
  if (!source) return;
  const { charts, runs } = JSON.parse(source.textContent);
  const grid = document.getElementById("compare-curves");
  const dashes = ["", "6 3", "2 3", "8 3 2 3"];
  const better = { loss: -1, accuracy: 1, margins: 1 };

  // Which run ends best, where the metric has a better end.
  function message(title, key, series) {
    if (!better[key] || series.length < 2) return title;
    const ends = series.map((one) => {
      const line = window.HoneCharts.smooth(one.points) || one.points;
      return { label: one.label, value: line[line.length - 1][1] };
    });
    ends.sort((a, b) => (b.value - a.value) * better[key]);
    const [best, last] = [ends[0], ends[ends.length - 1]].map((end) =>
      window.HoneCharts.format(end.value),
    );
    if (best === last) return `${title}: all end at ${best}`;
    const word = better[key] < 0 ? "lowest" : "highest";
    return `${title}: ${ends[0].label} ends ${word}, at ${best}`;
  }

  for (const chart of charts) {
    // Validation where there is any, else training: one line a run.
    const names = chart.metrics.map(([name]) => name);
    const eval_first = [...names].sort(
      (a, b) => b.startsWith("eval_") - a.startsWith("eval_"),
    );
    for (const wanted of [eval_first.filter((n) => n.startsWith("eval_")), names]) {
      const series = runs
        .map((run, place) => {
          const name = wanted.find((n) => run.series[n]);
          return {
            label: run.name,
            points: name ? run.series[name] : [],
            colour: place,
            dash: dashes[place],
            exact: chart.exact,
          };
        })
        .filter((one) => one.points.length);
      if (!series.length) continue;
      const kind = wanted !== names ? ", validation" : "";
      window.HoneCurves.put(grid, chart.key + kind, {
        title: message(chart.title + kind, chart.key, series),
        series,
        reference: chart.reference,
      });
    }
  }
});
