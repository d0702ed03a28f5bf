// Line charts as plain SVG: one message each, series labelled at their ends, and the
// numbers in a table behind. Text goes in as text nodes only.
"use strict";

(function () {
  const NS = "http://www.w3.org/2000/svg";

  function svg(name, attributes, text) {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes || {})) {
      node.setAttribute(key, value);
    }
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function format(value) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (value === 0) return "0";
    if (size < 1e-3 || size >= 1e6) return value.toExponential(2);
    if (Number.isInteger(value)) return value.toLocaleString("en");
    return value.toFixed(size < 10 ? 3 : 1);
  }

  // Round numbers that span [low, high], about `count` of them.
  function ticks(low, high, count) {
    if (low === high) {
      const pad = Math.abs(low) || 1;
      low -= pad / 2;
      high += pad / 2;
    }
    const raw = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const found = [];
    for (let at = Math.floor(low / step) * step; ; at += step) {
      found.push(Number(at.toPrecision(12)));
      if (at >= high - step * 1e-9) break;
    }
    return found;
  }

  // A tick's value with as many digits as tell it from its neighbours.
  function tick(value, step) {
    const size = Math.abs(value);
    if (value === 0) return "0";
    if (size < 1e-3 || size >= 1e6) return value.toExponential(1);
    const digits = Math.max(0, Math.min(4, Math.ceil(-Math.log10(step) - 1e-9)));
    return value.toLocaleString("en", {
      minimumFractionDigits: digits,
      maximumFractionDigits: step < 1 && String(step).endsWith("25") ? digits + 1 : digits,
    });
  }

  // The same line with the noise of single batches taken out.
  function smooth(points) {
    if (points.length < 12) return null;
    const weight = 1 - 2 / (Math.max(4, points.length / 15) + 1);
    let sum = 0;
    let mass = 0;
    return points.map(([x, y]) => {
      sum = sum * weight + y * (1 - weight);
      mass = mass * weight + (1 - weight);
      return [x, sum / mass];
    });
  }

  function path(points, x, y) {
    return points
      .map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)},${y(b).toFixed(1)}`)
      .join("");
  }

  // Keep labels at the lines' ends from lying on each other.
  function spread(labels, gap, bottom) {
    labels.sort((a, b) => a.y - b.y);
    for (let i = 1; i < labels.length; i++) {
      labels[i].y = Math.max(labels[i].y, labels[i - 1].y + gap);
    }
    const over = labels.length ? labels[labels.length - 1].y - bottom : 0;
    if (over > 0) for (const label of labels) label.y -= over;
  }

  function table(chart) {
    const xs = [...new Set(chart.series.flatMap((s) => s.points.map((p) => p[0])))];
    xs.sort((a, b) => a - b);
    const every = Math.max(1, Math.ceil(xs.length / 100));
    const kept = xs.filter((_, i) => i % every === 0 || i === xs.length - 1);
    const values = chart.series.map((s) => new Map(s.points));
    const node = document.createElement("table");
    node.className = "hn-table";
    const head = node.createTHead().insertRow();
    for (const name of [chart.xLabel || "step", ...chart.series.map((s) => s.label)]) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = name;
      head.append(cell);
    }
    const body = node.createTBody();
    for (const at of kept) {
      const row = body.insertRow();
      row.insertCell().textContent = format(at);
      for (const value of values) row.insertCell().textContent = format(value.get(at));
    }
    return node;
  }

  // chart: {title, series: [{label, points: [[x, y]]}], xLabel, reference: {value,
  // label, start}, floor, ceiling}. A reference with `start` is where such a curve
  // starts: other methods' curves, which start elsewhere, go without it. A marker,
  // {x, y, label}, says where on the curve one stands; it has a line of its own on top.
  function draw(figure, chart) {
    figure.chart = chart;
    let caption = figure.querySelector("figcaption");
    if (!caption) {
      figure.classList.add("hn-chart");
      caption = document.createElement("figcaption");
      const behind = document.createElement("details");
      const summary = document.createElement("summary");
      summary.textContent = "The numbers";
      const wrap = document.createElement("div");
      wrap.className = "hn-table-wrap";
      wrap.tabIndex = 0;
      behind.append(summary, wrap);
      behind.addEventListener("toggle", () => {
        if (behind.open) wrap.replaceChildren(table(figure.chart));
      });
      figure.append(caption, behind);
      new ResizeObserver(() => paint(figure)).observe(figure);
    }
    caption.textContent = chart.title;
    const behind = figure.querySelector("details");
    if (behind.open) behind.querySelector("div").replaceChildren(table(chart));
    paint(figure);
  }

  function paint(figure) {
    const chart = figure.chart;
    const width = Math.max(240, Math.round(figure.clientWidth));
    const series = chart.series.filter((s) => s.points.length);
    const labelled = series.length > 1;
    const names = labelled ? series.map((s) => s.label) : [];
    const longest = Math.max(0, ...names.map((name) => name.length));
    const narrow = width < 420;
    const { marker } = chart;
    const margin = {
      top: (labelled && narrow ? 8 + 16 * names.length : 10) + (marker ? 16 : 0),
      right: labelled && !narrow ? Math.min(190, 14 + (longest + 7) * 6.4) : 50,
      bottom: 24,
      left: 50,
    };
    const height = (narrow ? 170 : 190) + margin.top;
    const all = series.flatMap((s) => s.points);
    if (!all.length) return;
    const xLow = Math.min(...all.map((p) => p[0]));
    const xHigh = Math.max(...all.map((p) => p[0]), xLow + 1);
    const ys = all.map((p) => p[1]);
    const { reference } = chart;
    const shown =
      reference && (!reference.start || Math.abs(all[0][1] - reference.value) < 0.05);
    if (shown) ys.push(reference.value);
    if (chart.floor !== undefined) ys.push(chart.floor);
    if (chart.ceiling !== undefined) ys.push(chart.ceiling);
    const rules = ticks(Math.min(...ys), Math.max(...ys), 4);
    const yLow = rules[0];
    const yHigh = rules[rules.length - 1];
    const x = (v) =>
      margin.left +
      ((v - xLow) / (xHigh - xLow)) * (width - margin.left - margin.right);
    const y = (v) =>
      height -
      margin.bottom -
      ((v - yLow) / (yHigh - yLow)) * (height - margin.top - margin.bottom);

    const root = svg("svg", {
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": chart.title,
    });
    for (const value of rules) {
      root.append(
        svg("line", {
          class: "hn-rule",
          x1: margin.left,
          x2: width - margin.right,
          y1: y(value),
          y2: y(value),
        }),
        svg(
          "text",
          { x: margin.left - 8, y: y(value) + 4, "text-anchor": "end" },
          tick(value, rules[1] - rules[0]),
        ),
      );
    }
    const marks = ticks(xLow, xHigh, narrow ? 3 : 5).filter(
      (v) => v >= xLow && v <= xHigh && Number.isInteger(v),
    );
    for (const value of marks) {
      root.append(
        svg(
          "text",
          { x: x(value), y: height - 8, "text-anchor": "middle" },
          value.toLocaleString("en"),
        ),
      );
    }
    root.append(
      svg(
        "text",
        { x: width - margin.right + 14, y: height - 8 },
        chart.xLabel || "step",
      ),
    );
    if (shown) {
      const at = y(reference.value);
      root.append(
        svg("line", {
          class: "hn-ref",
          x1: margin.left,
          x2: width - margin.right,
          y1: at,
          y2: at,
        }),
        svg(
          "text",
          { x: width - margin.right, y: at - 5, "text-anchor": "end" },
          reference.label,
        ),
      );
    }
    if (marker) {
      const at = x(marker.x);
      const side = at < margin.left + 40 ? "start" : at > width - 90 ? "end" : "middle";
      root.append(
        svg("line", {
          class: "hn-ref",
          x1: at,
          x2: at,
          y1: margin.top - 4,
          y2: height - margin.bottom,
        }),
        svg(
          "text",
          { class: "hn-said", x: at, y: margin.top - 8, "text-anchor": side },
          marker.label,
        ),
      );
    }
    const ends = [];
    series.forEach((one, index) => {
      const colour = `hn-c${(one.colour ?? index) % 4}`;
      const calm = one.exact ? null : smooth(one.points);
      const dash = one.dash ? { "stroke-dasharray": one.dash } : {};
      if (calm) {
        root.append(
          svg("path", { class: `${colour} hn-raw`, d: path(one.points, x, y) }),
        );
      }
      const line = calm || one.points;
      root.append(svg("path", { class: colour, d: path(line, x, y), ...dash }));
      const last = line[line.length - 1];
      if (one.points.length === 1) {
        root.append(
          svg("circle", {
            class: `hn-dot ${colour}`,
            cx: x(last[0]),
            cy: y(last[1]),
            r: 4,
          }),
        );
      }
      ends.push({ y: y(last[1]) + 4, x: x(last[0]), value: last[1], one, colour, index });
    });
    if (marker) {
      root.append(
        svg("circle", { class: "hn-dot hn-c0", cx: x(marker.x), cy: y(marker.y), r: 5 }),
      );
    }
    if (labelled && narrow) {
      ends
        .sort((a, b) => a.index - b.index)
        .forEach((end, i) => {
          root.append(
            svg(
              "text",
              { class: end.colour, x: margin.left, y: 12 + i * 16 },
              `${end.one.label} ${format(end.value)}`,
            ),
          );
        });
    } else {
      spread(ends, 14, height - margin.bottom);
      for (const end of ends) {
        const words = labelled
          ? `${end.one.label} ${format(end.value)}`
          : format(end.value);
        root.append(
          svg("text", { class: end.colour, x: width - margin.right + 6, y: end.y }, words),
        );
      }
    }
    pointer(root, { series, x, y, xLow, xHigh, margin, width, height, marker });
    const old = figure.querySelector(":scope > svg");
    if (old) old.replaceWith(root);
    else figure.insertBefore(root, figure.querySelector("details"));
  }

  // A line under the pointer that says the values there.
  function pointer(root, { series, x, y, xLow, xHigh, margin, width, height, marker }) {
    const group = svg("g", { visibility: "hidden" });
    const cursor = svg("line", {
      class: "hn-cursor",
      y1: margin.top,
      y2: height - margin.bottom,
    });
    const said = svg("text", { class: "hn-said", y: margin.top + (marker ? 11 : -1) });
    const dots = series.map((one, index) =>
      svg("circle", { class: `hn-dot hn-c${(one.colour ?? index) % 4}`, r: 4 }),
    );
    group.append(cursor, said, ...dots);
    root.append(group);
    const hide = () => group.setAttribute("visibility", "hidden");
    root.addEventListener("pointerleave", hide);
    root.addEventListener("pointermove", (event) => {
      const box = root.getBoundingClientRect();
      const at = ((event.clientX - box.left) / box.width) * width;
      const wanted =
        xLow +
        ((at - margin.left) / (width - margin.left - margin.right)) * (xHigh - xLow);
      let step = null;
      for (const [px] of series[0].points) {
        if (step === null || Math.abs(px - wanted) < Math.abs(step - wanted)) step = px;
      }
      const values = series.map((one) => one.points.find(([px]) => px === step));
      const place = x(step);
      cursor.setAttribute("x1", place);
      cursor.setAttribute("x2", place);
      values.forEach((point, i) => {
        dots[i].setAttribute("visibility", point ? "inherit" : "hidden");
        if (!point) return;
        dots[i].setAttribute("cx", x(point[0]));
        dots[i].setAttribute("cy", y(point[1]));
      });
      said.textContent = [
        `${format(step)}:`,
        ...values.map((point) => (point ? format(point[1]) : "–")),
      ].join("  ");
      const right = place > width * 0.6;
      said.setAttribute("text-anchor", right ? "end" : "start");
      said.setAttribute("x", place + (right ? -6 : 6));
      group.setAttribute("visibility", "visible");
    });
  }

  window.HoneCharts = { draw, format, smooth };
})();
