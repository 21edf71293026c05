// Draws the plots of the report from the JSON in the page. No network, no dependencies but uPlot.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  // Okabe and Ito's palette, which people with any kind of colour vision can tell apart; dashes help further.
  const LIGHT = { lines: ["#d55e00", "#0072b2", "#009e73", "#b8548f", "#8a6d00", "#3b8fc4"], panel: "#f6f7f9", quiet: "#58606e",
    grid: "#e1e4ea", limit: "#a62600", phase: "rgba(213, 94, 0, 0.10)", steady: "rgba(0, 114, 178, 0.08)", alert: "#a62600" };
  const DARK = { lines: ["#f0894a", "#56b4e9", "#2fd0a0", "#e09cc4", "#f0e442", "#9ad0f5"], panel: "#1d2128", quiet: "#a3abb8",
    grid: "#2c323c", limit: "#ff9d76", phase: "rgba(240, 137, 74, 0.14)", steady: "rgba(86, 180, 233, 0.12)", alert: "#ff9d76" };
  const DASHES = [[], [], [], [7, 4], [2, 3], [9, 3, 2, 3]];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

  const digits = (value, most) => String(Number(value.toPrecision(most)));
  const units = {
    "s": (v) => Math.abs(v) >= 1 ? digits(v, 3) + " s" : digits(v * 1000, 3) + " ms",
    "ratio": (v) => digits(v * 100, 3) + " %",
    "per second": (v) => digits(v, 4) + "/s",
    "": (v) => digits(v, 4),
  };
  const write = (unit, value) => value == null ? "–" : (units[unit] || ((v) => digits(v, 4) + " " + unit))(value);
  const clock = (seconds) => {
    const whole = Math.round(Math.abs(seconds)), pad = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    return (seconds < 0 ? "-" : "") + (hours ? hours + ":" + pad(minutes) : minutes) + ":" + pad(whole % 60);
  };
  const utc = (seconds) => new Date((data.started + seconds) * 1000).toISOString().slice(11, 19) + " UTC";

  // The highest value that an axis must show; a limit far above all values would flatten them, so it is named instead.
  const highest = (plot, unit) => {
    let most = 0;
    for (const series of plot.series) {
      if ((series.unit ?? plot.unit) === unit) for (const v of series.values) if (v != null && v > most) most = v;
    }
    return most;
  };
  const near = (plot) => plot.limits.filter(([, limit]) => limit <= 5 * (highest(plot, plot.unit) || limit));

  // A rim in the background's colour keeps a label readable on top of a line.
  const halo = (ctx, text, x, y, ratio, colors) => {
    ctx.save();
    ctx.setLineDash([]);
    ctx.lineWidth = 4 * ratio;
    ctx.lineJoin = "round";
    ctx.strokeStyle = colors.panel;
    ctx.strokeText(text, x, y);
    ctx.restore();
    ctx.fillText(text, x, y);
  };

  const painter = (plot, colors) => ({
    hooks: {
      drawClear: [(u) => {
        u.ctx.fillStyle = colors.steady;
        for (const [from, until] of data.steady) {
          const left = Math.max(u.bbox.left, u.valToPos(from, "x", true));
          const right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(until, "x", true));
          if (right > left) u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
        }
        u.ctx.save();
        u.ctx.font = font.replace("12px", 12 * uPlot.pxRatio + "px");
        u.ctx.textAlign = "left";
        u.ctx.textBaseline = "alphabetic";
        for (const [name, from, until] of data.phases) {
          const left = Math.max(u.bbox.left, u.valToPos(from, "x", true));
          const right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(until, "x", true));
          if (right <= left) continue;
          u.ctx.fillStyle = colors.phase;
          u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
          u.ctx.fillStyle = colors.quiet;
          if (right - left > u.ctx.measureText(name).width) u.ctx.fillText(name, left + 4 * uPlot.pxRatio, u.bbox.top + u.bbox.height - 6 * uPlot.pxRatio);
        }
        u.ctx.restore();
      }],
      draw: [(u) => {
        const ctx = u.ctx, ratio = uPlot.pxRatio, right = u.bbox.left + u.bbox.width;
        ctx.save();
        ctx.font = font.replace("12px", 12 * ratio + "px");
        ctx.lineWidth = 1.5 * ratio;
        ctx.strokeStyle = ctx.fillStyle = colors.limit;
        ctx.setLineDash([6 * ratio, 4 * ratio]);
        ctx.textAlign = "right";
        let lastLabel = Infinity;
        for (const [label, limit] of near(plot).sort((a, b) => a[1] - b[1])) {
          const y = u.valToPos(limit, "y", true);
          ctx.beginPath(); ctx.moveTo(u.bbox.left, y); ctx.lineTo(right, y); ctx.stroke();
          // Labels of limits close together are stacked upwards.
          const at = Math.min(y - 4 * ratio, lastLabel - 14 * ratio);
          halo(ctx, label, right - 4 * ratio, at, ratio, colors);
          lastLabel = at;
        }
        ctx.setLineDash([2 * ratio, 3 * ratio]);
        ctx.strokeStyle = ctx.fillStyle = colors.alert;
        ctx.lineWidth = ratio;
        ctx.textAlign = "left";
        let end = -Infinity, row = 0;
        for (const alert of data.alerts) {
          const x = u.valToPos(alert.from, "x", true);
          if (x < u.bbox.left || x > right) continue;
          ctx.beginPath(); ctx.moveTo(x, u.bbox.top); ctx.lineTo(x, u.bbox.top + u.bbox.height); ctx.stroke();
          row = x < end ? row + 1 : 0;
          halo(ctx, alert.mark, x + 3 * ratio, u.bbox.top + (12 + 13 * (row % 4)) * ratio, ratio, colors);
          end = x + 24 * ratio;
        }
        ctx.restore();
      }],
    },
  });

  const options = (plot, width, colors) => {
    const right = plot.series.map((s) => s.unit).find((unit) => unit != null);
    const top = Math.max(highest(plot, plot.unit), ...near(plot).map(([, limit]) => limit));
    const range = (most) => (u, low, high) => [0, Math.max(most || 0, high || 0) * 1.12 || 1];
    const axis = (more) => ({ stroke: colors.quiet, font, grid: { stroke: colors.grid, width: 1 }, ticks: { stroke: colors.grid, width: 1 }, ...more });
    const axes = [
      axis({ values: (u, splits) => splits.map(clock), incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400] }),
      axis({ scale: "y", size: 62, values: (u, splits) => splits.map((v) => write(plot.unit, v)) }),
    ];
    const scales = { x: { time: false, range: (u, from, to) => [from, to] }, y: { range: range(top) } };
    if (right != null) {
      axes.push(axis({ scale: "right", side: 1, size: 62, grid: { show: false }, values: (u, splits) => splits.map((v) => write(right, v)) }));
      scales.right = { range: range(highest(plot, right)) };
    }
    return {
      width, height: 230, axes, scales, plugins: [painter(plot, colors)],
      cursor: { sync: { key: "run" }, drag: { x: true, y: false } },
      series: [
        { label: "after", value: (u, v) => v == null ? "–" : clock(v) + " (" + utc(v) + ")" },
        ...plot.series.map((series, index) => ({
          label: series.label + (series.unit != null ? " (right)" : ""),
          scale: series.unit != null ? "right" : "y",
          stroke: colors.lines[index % colors.lines.length],
          dash: series.unit != null ? [5, 4] : DASHES[index % DASHES.length],
          width: 1.75, spanGaps: false,
          points: { show: (u, i) => plot.lonely[i - 1], size: 4 },
          value: (u, v) => write(series.unit ?? plot.unit, v),
        })),
      ],
    };
  };

  // Throughput and latency over load: what a climb met, level by level. The x axis is users, not time.
  const loadOptions = (width, colors) => {
    const axis = (more) => ({ stroke: colors.quiet, font, grid: { stroke: colors.grid, width: 1 }, ticks: { stroke: colors.grid, width: 1 }, ...more });
    const from0 = (u, low, high) => [0, (high || 0) * 1.12 || 1];
    return {
      width, height: 230,
      scales: { x: { time: false, range: from0 }, y: { range: from0 }, right: { range: from0 } },
      axes: [
        axis({ values: (u, splits) => splits.map((v) => digits(v, 4)) }),
        axis({ scale: "y", size: 62, values: (u, splits) => splits.map((v) => write("per second", v)) }),
        axis({ scale: "right", side: 1, size: 62, grid: { show: false }, values: (u, splits) => splits.map((v) => write("s", v)) }),
      ],
      series: [
        { label: "users", value: (u, v, s, i) => v == null ? "–" : v + (data.levels.broke[i] ? " (broke)" : "") },
        { label: "rate", scale: "y", stroke: colors.lines[1], width: 1.75, points: { show: true, size: 6 }, value: (u, v) => write("per second", v) },
        { label: "p95 (right)", scale: "right", stroke: colors.lines[0], dash: [5, 4], width: 1.75, points: { show: true, size: 6 }, value: (u, v) => write("s", v) },
      ],
    };
  };

  let drawn = [];
  const draw = (colors) => {
    drawn.forEach((plot) => plot.destroy());
    drawn = [];
    const load = document.querySelector(".load-plot");
    if (load) drawn.push(new uPlot(loadOptions(load.clientWidth, colors), [data.levels.users, data.levels.rate, data.levels.p95], load));
    for (const box of document.querySelectorAll(".plot")) {
      const plot = data.plots[Number(box.dataset.plot)];
      if (!plot.series.length) continue;
      const hidden = plot.limits.filter((limit) => !near(plot).includes(limit));
      const note = box.parentElement.querySelector(".off-scale");
      note.hidden = !hidden.length;
      note.textContent = hidden.length ? "Beyond this scale: " + hidden.map(([label]) => label).join(", ") : "";
      drawn.push(new uPlot(options(plot, box.clientWidth, colors), [plot.times, ...plot.series.map((s) => s.values)], box));
    }
  };
  const now = () => draw(dark.matches ? DARK : LIGHT);
  now();
  dark.addEventListener("change", now);
  window.addEventListener("beforeprint", () => draw(LIGHT));
  window.addEventListener("afterprint", now);
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => drawn.forEach((plot) => plot.setSize({ width: plot.root.parentElement.clientWidth, height: 230 })), 100);
  });
})();
