// Several runs in one picture a metric; colour and dash tell them apart, and a label.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const source = document.getElementById("compare-data");
  if (!source) return;
  const { charts, runs } = JSON.parse(source.textContent);
  const grid = document.getElementById("compare-curves");
  const dashes = ["", "6 3", "2 3", "8 3 2 3"];
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
          };
        })
        .filter((one) => one.points.length);
      if (!series.length) continue;
      const kind = wanted !== names ? ", validation" : "";
      window.HoneCurves.put(grid, chart.key + kind, {
        title: chart.title + kind,
        series,
        reference: chart.reference,
      });
    }
  }
});
