// From metrics by name to charts with a message: shared by run and compare pages.
"use strict";

(function () {
  const { draw, format } = window.HoneCharts;

  // One sentence of a chart: how its first series moved, or how two stand apart.
  function message(title, series, key) {
    const first = series.find((one) => one.points.length);
    if (!first) return title;
    // The same values as the line that is drawn, with the noise taken out.
    const calm = first.exact ? null : window.HoneCharts.smooth(first.points);
    const line = calm || first.points;
    const start = line[0][1];
    const end = line[line.length - 1][1];
    if (key === "rewards" && series.length === 2) {
      const apart = end - series[1].points[series[1].points.length - 1][1];
      const side = apart < 0 ? "below" : "above";
      return `Chosen is rewarded ${format(Math.abs(apart))} ${side} rejected`;
    }
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
          series.push({ label, points: points.get(name), exact: chart.exact });
        }
      }
      if (!series.length) continue;
      drawn.push({
        key: chart.key,
        chart: {
          title: message(chart.title, series, chart.key),
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
