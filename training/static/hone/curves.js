// From metrics by name to charts with a message: shared by run and compare pages.
"use strict";

(function () {
  const { draw, format } = window.HoneCharts;

  // One sentence of a chart: how its first series moved.
  function message(title, series) {
    const first = series.find((one) => one.points.length);
    if (!first) return title;
    if (series.length > 1) return title;
    const start = first.points[0][1];
    const end = first.points[first.points.length - 1][1];
    if (first.points.length < 2) return `${title} ${format(end)}`;
    return `${title} ${format(end)}, from ${format(start)}`;
  }

  // Draw a chart into the grid, adding its figure the first time.
  function put(grid, key, chart) {
    let figure = grid.querySelector(`[data-chart="${CSS.escape(key)}"]`);
    if (!figure) {
      figure = document.createElement("figure");
      figure.dataset.chart = key;
      figure.className = "hn-card hn-chart";
      grid.append(figure);
    }
    draw(figure, chart);
  }

  // One run: `points` maps a metric's name to its [step, value] pairs.
  function ofRun(charts, points) {
    const drawn = [];
    const used = new Set();
    for (const chart of charts) {
      const seen = new Set();
      const series = [];
      for (const [name, label] of chart.metrics) {
        used.add(name);
        if (points.has(name) && !seen.has(label)) {
          seen.add(label);
          series.push({ label, points: points.get(name) });
        }
      }
      if (!series.length) continue;
      drawn.push({
        key: chart.key,
        chart: {
          title: message(chart.title, series),
          series,
          reference: chart.reference,
        },
      });
    }
    const rest = [];
    for (const [name, values] of points) {
      if (used.has(name)) continue;
      const series = [{ label: name, points: values }];
      rest.push({ key: name, chart: { title: message(name, series), series } });
    }
    return { drawn, rest };
  }

  window.HoneCurves = { ofRun, put, message };
})();
