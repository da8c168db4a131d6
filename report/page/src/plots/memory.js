// Bandwidth by working set, with the levels of the memory that were found in it.
import * as Plot from "@observablehq/plot";
import {si} from "../format.js";
import {base, ink, labels, logScale, logX, logY, paper, placedSeries, seriesColours, soft} from "./common.js";

const colours = {read: seriesColours[0], write: seriesColours[1], copy: seriesColours[2], triad: seriesColours[3]};

export const hasMemory = (data) => data.runs.some((r) => r.memory.length > 0);

export function drawMemory(width, {data}) {
  const all = data.runs.flatMap((r) => r.memory).map((m) => ({...m, rate: m.moved / m.seconds, least: m.moved / m.high, most: m.moved / m.low}));
  const threads = [...new Set(all.map((m) => m.threads))].sort((a, b) => a - b);
  const shown = all.filter((m) => m.threads === threads.at(-1) || (m.threads === threads[0] && m.kernel === "read"));
  const key = (m) => `${m.kernel}${threads.length > 1 ? `, ${m.threads} thread${m.threads > 1 ? "s" : ""}` : ""}`;
  const points = shown.map((m) => ({...m, series: key(m)})).sort((a, b) => a.bytes - b.bytes);
  const series = [...new Set(points.map((m) => m.series))];
  const colour = (m) => colours[m.kernel] ?? soft;
  const x = [Math.min(...points.map((m) => m.bytes)) / 1.5, Math.max(...points.map((m) => m.bytes)) * 1.6];
  const y = [Math.min(...points.map((m) => m.least)) / 1.3, Math.max(...points.map((m) => m.most)) * 1.5];
  const height = 340;
  const levels = (data.machines.find((m) => m.group === "measured here")?.levels ?? []).filter((l) => l.threads === threads.at(-1));
  const ends = levels.filter((l) => l.capacity && l.capacity > x[0] && l.capacity < x[1]);
  let from = x[0];
  const names = levels.map((l) => {
    const to = l.capacity ?? x[1], at = Math.sqrt(Math.max(from, x[0]) * Math.min(to, x[1]));
    from = to;
    return {name: l.name, x: at, ok: at > x[0] && at < x[1]};
  }).filter((l) => l.ok);
  const ax = logX(x, "B", "working set", width), ay = logY(y, "B/s", "bandwidth", height);
  // A series has its name at the first of its points beside which there is room.
  const px = logScale(x, 70, width - 14), py = logScale(y, height - 40, 24);
  const taken = ends.map((e) => [px(e.capacity) - 2, 24, px(e.capacity) + 2, height - 40]);
  const seriesNames = placedSeries(series.map((text) => {
    const own = points.filter((m) => m.series === text);
    return {text, style: {fill: colour(own[0]), fontWeight: 600}, points: own.map((m) => ({...m, x: px(m.bytes), y: py(m.rate)}))};
  }), {left: 70, right: width - 14, top: 44, bottom: height - 40}, taken);
  const svg = Plot.plot({
    ...base, width, height, marginLeft: 70, marginRight: 14, marginTop: 24, marginBottom: 40, x: ax.scale, y: ay.scale,
    marks: [...ax.marks, ...ay.marks,
      Plot.ruleX(ends, {x: "capacity", stroke: ink, strokeDasharray: "3,3", strokeOpacity: 0.5}),
      Plot.text(names, {x: "x", text: "name", frameAnchor: "top", dy: 4, fill: soft, fontWeight: 600}),
      Plot.line(points, {x: "bytes", y: "rate", z: "series", stroke: colour, strokeOpacity: 0.65}),
      Plot.ruleX(points, {x: "bytes", y1: "least", y2: "most", stroke: colour}),
      Plot.dot(points, {x: "bytes", y: "rate", r: 2.5, fill: (m) => m.threads === threads.at(-1) ? colour(m) : paper, stroke: colour, title: (m) => `${m.series}, ${si(m.bytes, "B")}: ${si(m.rate, "B/s")}`}),
      ...labels(seriesNames, "bytes", "rate", {stroke: paper, strokeWidth: 4})],
  });
  return {svg, rows: points.map((m) => ({probe: m.probe, kernel: m.kernel, threads: m.threads, bytes: m.bytes, bytes_per_second: m.rate, low: m.least, high: m.most})),
    says: "Bytes that the kernel claims, over its median time, with 95 % intervals." + (ends.length ? " Dashed: where the next level begins to show." : "")};
}
