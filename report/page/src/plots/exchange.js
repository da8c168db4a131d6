// All-reduce: measured and fitted, and what the fit leaves.
import * as Plot from "@observablehq/plot";
import {percent, si} from "../format.js";
import {base, ink, logX, logY, paper, seriesColours} from "./common.js";

// The piece of a fit that holds for a message, and its time.
function fitted(pieces, ranks, bytes) {
  const own = pieces.filter((p) => p.ranks === ranks && p.from <= bytes).sort((a, b) => b.from - a.from)[0];
  return own && own.alpha + own.beta * bytes;
}

export const hasExchange = (data) => data.runs.some((r) => r.all_reduce.length > 0);

export function drawExchange(width, {data}) {
  const fits = data.machines.find((m) => m.group === "measured here")?.all_reduce ?? [];
  const who = {"mpi.allreduce": "MPI ranks", "sync.allreduce": "threads", "gpu.allreduce": "GPUs", "gpu.nccl": "GPUs, NCCL"};
  const points = data.runs.flatMap((r) => r.all_reduce).map((m) => {
    const fit = m.probe === "mpi.allreduce" || m.probe.startsWith("gpu.") ? fitted(fits, m.ranks, m.bytes) : undefined;
    return {...m, series: `${m.ranks} ${who[m.probe] ?? m.probe}`, fit, residual: fit === undefined ? undefined : m.seconds / fit - 1};
  }).filter((m) => m.bytes > 0);
  const series = [...new Set(points.map((m) => m.series))];
  const colour = (s) => seriesColours[series.indexOf(s) % seriesColours.length];
  const reach = (list, pad) => [Math.min(...list) / pad, Math.max(...list) * pad];
  const x = reach(points.map((m) => m.bytes), 1.6), y = reach(points.flatMap((m) => [m.low, m.high]), 1.8);
  const top = 268, bottom = 120, margin = {marginLeft: 62, marginRight: 14};
  const ax = logX(x, "B", "size of the vector", width), ay = logY(y, "s", "time of one all-reduce", top);
  const lines = [...new Set(points.filter((m) => m.fit).map((m) => m.series))].flatMap((s) => {
    const ranks = points.find((m) => m.series === s).ranks;
    return Array.from({length: 90}, (_, i) => x[0] * (x[1] / x[0]) ** (i / 89))
      .map((bytes) => ({series: s, bytes, seconds: fitted(fits, ranks, bytes)})).filter((p) => p.seconds && p.seconds <= y[1] && p.seconds >= y[0]);
  });
  const last = series.map((s) => points.filter((m) => m.series === s).sort((a, b) => b.bytes - a.bytes)[0]);
  const upper = Plot.plot({
    ...base, width, height: top, ...margin, marginTop: 24, marginBottom: 10, x: {...ax.scale, axis: null}, y: ay.scale,
    marks: [ax.marks[0], ...ay.marks,
      Plot.line(lines, {x: "bytes", y: "seconds", z: "series", stroke: (d) => colour(d.series), strokeWidth: 1.5, strokeOpacity: 0.8}),
      Plot.ruleX(points, {x: "bytes", y1: "low", y2: "high", stroke: (d) => colour(d.series)}),
      Plot.dot(points, {x: "bytes", y: "seconds", r: 3, fill: (d) => colour(d.series), stroke: paper, title: (d) => `${d.series}, ${d.bytes} B: ${si(d.seconds, "s")}`}),
      Plot.text(last, {x: "bytes", y: "seconds", text: "series", textAnchor: "end", dx: -10, fill: (d) => colour(d.series), stroke: paper, strokeWidth: 4, fontWeight: 600})],
  });
  const left = points.filter((m) => m.residual !== undefined);
  const most = Math.max(0.1, ...left.map((m) => Math.abs(m.residual))) * 1.1;
  const lower = Plot.plot({
    ...base, width, height: bottom, ...margin, marginTop: 18, marginBottom: 40, x: ax.scale, y: {domain: [-most, most], label: null},
    marks: [...ax.marks, Plot.axisY({ticks: 3, tickSize: 0, label: "measured over fitted", labelAnchor: "top", labelArrow: "none", tickFormat: (v) => (v > 0 ? "+" : v < 0 ? "−" : "") + Math.round(Math.abs(v) * 100) + " %"}),
      Plot.ruleY([0], {stroke: ink, strokeOpacity: 0.5}),
      Plot.ruleX(left, {x: "bytes", y1: 0, y2: "residual", stroke: (d) => colour(d.series)}),
      Plot.dot(left, {x: "bytes", y: "residual", r: 2.5, fill: (d) => colour(d.series)})],
  });
  const svg = stacked(width, [[upper, top], [lower, bottom]]);
  const typical = left.map((m) => Math.abs(m.residual)).sort((a, b) => a - b)[Math.floor(left.length / 2)];
  return {svg, rows: points.map((m) => ({probe: m.probe, ranks: m.ranks, bytes: m.bytes, seconds: m.seconds, low: m.low, high: m.high, fitted: m.fit ?? "", residual: m.residual ?? ""})),
    says: left.length ? `Medians with 95 % intervals; lines: alpha + beta × bytes. The median residual is ${percent(typical)}.` : "Medians with 95 % intervals."};
}

// Plots above one another as one drawing, which can be saved.
function stacked(width, parts) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  const height = parts.reduce((s, [, h]) => s + h, 0);
  for (const [k, v] of Object.entries({width, height, viewBox: `0 0 ${width} ${height}`})) svg.setAttribute(k, v);
  let y = 0;
  for (const [plot, h] of parts) {
    plot.setAttribute("y", y);
    plot.setAttribute("width", width);
    svg.append(plot);
    y += h;
  }
  return svg;
}
