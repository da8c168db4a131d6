// Prediction against measurement, with error bands.
import * as Plot from "@observablehq/plot";
import {percent, plain, si} from "../format.js";
import {base, ink, logX, logY, paper, seriesColours, soft} from "./common.js";

export const drawCompared = (table) => (width) => {
  const unit = table.unit;
  const points = table.rows.map(([series, label, m, low, p, high]) => ({series, label, m, low, p, high})).filter((r) => r.m > 0 && r.p > 0);
  const all = points.flatMap((r) => [r.m, r.p]);
  const domain = [Math.min(...all) / 1.5, Math.max(...all) * 1.5];
  const counts = new Map();
  for (const p of points) counts.set(p.series, (counts.get(p.series) ?? 0) + 1);
  const series = [...counts].sort((a, b) => b[1] - a[1]).map(([s]) => s);
  const colour = (r) => seriesColours[series.indexOf(r.series)] ?? soft;
  const height = Math.round(Math.min(430, Math.max(320, width * 0.8)));
  const show = unit === "s" ? "s" : plain, name = unit === "s" ? "time" : unit;
  const ax = logX(domain, show, `measured ${name}`, width), ay = logY(domain, show, `predicted ${name}`, height);
  const errors = points.map((r) => Math.abs(r.p / r.m - 1)).sort((a, b) => a - b);
  const inside = points.filter((r) => r.low <= r.m && r.m <= r.high).length;
  const band = (f) => [{x: domain[0], low: domain[0] * (1 - f), high: domain[0] * (1 + f)}, {x: domain[1], low: domain[1] * (1 - f), high: domain[1] * (1 + f)}];
  const legend = series.slice(0, seriesColours.length).map((s, i) => ({s, i}));
  if (series.length > seriesColours.length) legend.push({s: "others", i: seriesColours.length});
  const svg = Plot.plot({
    ...base, width, height, marginLeft: 66, marginRight: 14, marginTop: 24, marginBottom: 40, x: ax.scale, y: ay.scale,
    marks: [...ax.marks, ...ay.marks,
      Plot.areaY(band(0.25), {x: "x", y1: "low", y2: "high", fill: ink, fillOpacity: 0.06, clip: true}),
      Plot.areaY(band(0.1), {x: "x", y1: "low", y2: "high", fill: ink, fillOpacity: 0.08, clip: true}),
      Plot.line([[domain[0], domain[0]], [domain[1], domain[1]]], {stroke: ink, strokeOpacity: 0.6}),
      Plot.ruleX(points, {x: "m", y1: "low", y2: "high", stroke: colour, strokeOpacity: points.length > 60 ? 0.18 : 0.6, clip: true}),
      Plot.dot(points, {x: "m", y: "p", r: points.length > 60 ? 2 : 3.5, fill: colour, fillOpacity: 0.85, title: (r) => `${r.label}: measured ${si(r.m, unit)}, predicted ${si(r.p, unit)}`}),
      ...legend.map((d, k) => Plot.text([d], {text: (e) => "● " + e.s, frameAnchor: "top-left", dx: 8, dy: 4 + 16 * k, fill: seriesColours[d.i] ?? soft, stroke: paper, strokeWidth: 4, textAnchor: "start", lineAnchor: "top", fontWeight: 600}))],
  });
  return {svg, rows: points.map((r) => ({series: r.series, case: r.label, unit, measured: r.m, predicted: r.p, low: r.low, high: r.high})),
    says: `${points.length} cases: median error ${percent(errors[Math.floor(errors.length / 2)])}, 90th percentile ${percent(errors[Math.floor(errors.length * 0.9)])}; ${percent(inside / points.length)} lie within their 90 % intervals. Bands: 10 and 25 %.`};
};
