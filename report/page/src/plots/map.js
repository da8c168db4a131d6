// The limit map: bandwidth against latency, iso-lines of tokens/s, regions by what binds.
import * as Plot from "@observablehq/plot";
import {plain} from "../format.js";
import {limits} from "../model.js";
import {parametersOf} from "../machine.js";
import {factorRange} from "../state.js";
import {base, halo, ink, labels, limitWash, logInvert, logScale, logX, logY, other, paper, placed, shorten, textWidth, ticksOf} from "./common.js";

const margin = {left: 62, right: 28, top: 22, bottom: 40};
const regionSize = (width) => width > 520 ? 14 : 12;
const heightOf = (width) => Math.round(Math.max(320, Math.min(460, width * 0.55)));

// Bandwidth and latency where the map begins and ends: those of the sliders.
function domains({state, named}, latency) {
  const bandwidth = named["memory.bandwidth"].value;
  const range = (v, [least, most]) => [v * 2 ** least, v * 2 ** most];
  return {x: range(bandwidth, factorRange.bandwidth), y: range(latency || 1, factorRange.latency)};
}
const latencyNow = ({state, A}) => A.latency / state.factors.latency;

// Other machines at their own bandwidth and latency, for this partition.
const seen = new Map();
function machinesOn(context, {x, y}) {
  const {state, model, data} = context;
  const key = [state.other, state.model, state.tp, state.pp, state.ep, state.batch, state.weights].join();
  if (!seen.has(key)) {
    seen.clear();
    const plain = state.with({factors: {bandwidth: 1, compute: 1, latency: 1, fixed: 1, capacity: 1}});
    const out = [];
    data.machines.forEach((m, i) => {
      if (i === state.machine || (m.group.startsWith("datasheet") && i !== state.other && m.devices < 4)) return;
      model.useMachine(1, m.row);
      const p = model.predict(1, plain);
      if (p.devices > m.devices) return;
      out.push({name: m.name, bandwidth: parametersOf(m, data)["memory.bandwidth"].value, latency: p.latency,
        special: i === state.other, hypothetical: m.group === "hypothetical"});
    });
    context.useB();
    seen.set(key, out);
  }
  return seen.get(key).filter((m) => m.bandwidth > x[0] && m.bandwidth < x[1] && m.latency > y[0] && m.latency < y[1]);
}

// Where the rate is `level`. It grows with bandwidth and falls with latency, so that the line never
// turns back: its crossings of the grid's rows and columns, in order.
function isoLine(utps, level, xs, ys) {
  const columns = xs.length, points = [], target = Math.log(level);
  const between = (from, to, a, b) => {
    const p = Math.log(utps[from]), q = Math.log(utps[to]);
    return (p < target) === (q < target) ? null : a * (b / a) ** ((target - p) / (q - p));
  };
  for (let j = 0; j < ys.length; ++j) {
    for (let i = 0; i < columns; ++i) {
      const at = j * columns + i;
      const x = i + 1 < columns ? between(at, at + 1, xs[i], xs[i + 1]) : null;
      const y = j + 1 < ys.length ? between(at, at + columns, ys[j], ys[j + 1]) : null;
      if (x !== null) points.push([x, ys[j]]);
      if (y !== null) points.push([xs[i], y]);
    }
  }
  return points.sort((p, q) => p[0] - q[0] || p[1] - q[1]);
}

export function pickOnMap(context, px, py, width) {
  const {x, y} = domains(context, latencyNow(context));
  const height = heightOf(width), f = context.state.factors;
  const bandwidth = logInvert(x, margin.left, width - margin.right)(px);
  const latency = logInvert(y, height - margin.bottom, margin.top)(py);
  const clamp = (v, [least, most]) => 2 ** (Math.round(8 * Math.max(least, Math.min(most, Math.log2(v)))) / 8);
  return {...f, bandwidth: clamp(bandwidth / (x[0] / 2 ** factorRange.bandwidth[0]), factorRange.bandwidth),
    latency: clamp(latency / (y[0] / 2 ** factorRange.latency[0]), factorRange.latency)};
}

export function drawMap(width, context) {
  const {state, model, A, data} = context;
  const height = heightOf(width);
  const exchanges = A.latency > 0;
  const domain = domains(context, latencyNow(context));
  const nx = Math.round(Math.min(72, width / 9)), ny = Math.round(Math.min(48, height / 8));
  const unit = state.with({factors: {...state.factors, bandwidth: 1, latency: 1}});
  // Factors at the centres of the cells, one cell more than the frame on every side.
  const centres = (n, [least, most]) => Array.from({length: n + 2}, (_, i) => 2 ** (least + (most - least) * (i - 0.5) / n));
  const xs = centres(nx, factorRange.bandwidth), ys = centres(ny, factorRange.latency);
  const {utps, binding} = model.map(0, unit, xs, ys);
  const bx = domain.x[0] / 2 ** factorRange.bandwidth[0], by = domain.y[0] / 2 ** factorRange.latency[0];
  const edge = (range, n) => 2 ** ((range[1] - range[0]) / n);
  const ex = edge(factorRange.bandwidth, nx), ey = edge(factorRange.latency, ny), columns = nx + 2;

  const px = logScale(domain.x, margin.left, width - margin.right), py = logScale(domain.y, height - margin.bottom, margin.top);
  const cells = [], rows = [], middle = new Map();
  ys.forEach((y, j) => {
    for (let i = 0; i < columns;) {
      const limit = binding[j * columns + i], from = i;
      while (i < columns && binding[j * columns + i] === limit) ++i;
      const cell = {limit, x1: bx * xs[from] / Math.sqrt(ex), x2: bx * xs[i - 1] * Math.sqrt(ex),
        y1: by * y / Math.sqrt(ey), y2: by * y * Math.sqrt(ey)};
      cells.push(cell);
      // A region's name stands where it is widest, nearest its middle.
      const a = Math.max(px(cell.x1), margin.left), b = Math.min(px(cell.x2), width - margin.right);
      const at = middle.get(limit) ?? {cells: 0, x: 0, y: 0, widest: 0, strips: []};
      at.cells += b - a;
      at.strips.push({a, b, y: by * y});
      middle.set(limit, at);
    }
    for (let i = 0; i < columns; ++i)
      rows.push({bandwidth_bytes_per_second: bx * xs[i], latency_seconds: exchanges ? by * y : "", utps: utps[j * columns + i], binding: limits[binding[j * columns + i]]});
  });

  const thresholds = ticksOf([utps[(ys.length - 1) * columns], utps[columns - 1]], 10);
  const lines = thresholds.map((level) => ({level, points: isoLine(utps, level, xs.map((v) => bx * v), ys.map((v) => by * v))}));
  // Names stand where the lines cross the diagonal from slow to fast.
  const iso = lines.flatMap(({level, points}) => {
    const off = ([x, y]) => (px(x) - margin.left) / (width - margin.left - margin.right) - (py(y) - margin.top) / (height - margin.top - margin.bottom);
    const k = points.findIndex((p) => off(p) >= 0);
    return k > 0 ? [{level, x: points[k][0], y: points[k][1]}] : [];
  });
  const taken = [];
  const isoLabels = iso.filter((l) => {
    const text = plain(l.level), w = textWidth(text) / 2 + 4, X = px(l.x), Y = py(l.y);
    const box = [X - w, Y - 9, X + w, Y + 9];
    if (X - w < margin.left || X + w > width - margin.right || Y < margin.top + 8 || Y > height - margin.bottom - 10) return false;
    if (taken.some(([a, b, c, d]) => box[0] < c && a < box[2] && box[1] < d && b < box[3])) return false;
    taken.push(box);
    return (l.text = text);
  });

  const now = {x: bx * state.factors.bandwidth, y: by * state.factors.latency};
  const moved = state.factors.bandwidth !== 1 || state.factors.latency !== 1;
  const dot = (p) => ({...p, x: px(p.bandwidth), y: py(p.latency)});
  const own = [{bandwidth: now.x, latency: now.y, text: moved ? "what if" : shorten(state.A.name, 24), strong: true, style: {fontWeight: 700}}];
  if (moved) own.push({bandwidth: bx, latency: by, text: shorten(state.A.name, 24), style: {fontWeight: 600}});
  const others = exchanges ? machinesOn(context, domain) : [];
  const frame = {left: margin.left, right: width - margin.right, top: margin.top, bottom: height - margin.bottom};
  const points = placed([...own, ...others.map((m) => ({...m, text: shorten(m.name, 22), style: m.special ? {fill: other, fontWeight: 600} : {}}))].map(dot), frame, taken);
  for (const p of points) {
    const w = textWidth(p.text, 12, p.style?.fontWeight), X = p.x + (p.anchor === "start" ? p.dx : p.anchor === "end" ? p.dx - w : -w / 2);
    taken.push([X, p.y + p.dy - 9, X + w, p.y + p.dy + 9]);
  }
  // Names of regions, where nothing else stands.
  const names = [];
  for (const [limit, region] of middle) {
    const text = limit === 3 ? "does not fit" : limits[limit] + (width > 520 ? " binds" : ""), w = textWidth(text, regionSize(width), true) + 16;
    const options = [];
    for (const s of region.strips) {
      const Y = py(s.y);
      if (Y < margin.top + 14 || Y > height - margin.bottom - 14) continue;
      for (let X = s.a + w / 2; X <= s.b - w / 2; X += 12) {
        const box = [X - w / 2, Y - 11, X + w / 2, Y + 11];
        if (taken.some(([a, b, c, d]) => box[0] < c && a < box[2] && box[1] < d && b < box[3])) continue;
        const dots = [...own, ...others].map(dot);
        if (dots.some((p) => p.x > box[0] - 7 && p.x < box[2] + 7 && p.y > box[1] - 7 && p.y < box[3] + 7)) continue;
        options.push({X, Y, box});
      }
    }
    if (options.length === 0) continue;
    const mx = options.reduce((s, o) => s + o.X, 0) / options.length, my = options.reduce((s, o) => s + o.Y, 0) / options.length;
    options.sort((p, q) => Math.hypot(p.X - mx, p.Y - my) - Math.hypot(q.X - mx, q.Y - my));
    taken.push(options[0].box);
    names.push({text, x: logInvert(domain.x, margin.left, width - margin.right)(options[0].X), y: logInvert(domain.y, height - margin.bottom, margin.top)(options[0].Y)});
  }

  const ax = logX(domain.x, "B/s", "memory bandwidth of a device", width);
  const ay = logY(domain.y, exchanges ? "s" : (v) => plain(v) + "×", exchanges ? "latency of one exchange" : "latency (nothing is exchanged)", height);
  const xy = {x: "bandwidth", y: "latency"};
  const svg = Plot.plot({
    ...base, width, height, marginLeft: margin.left, marginRight: margin.right, marginTop: margin.top, marginBottom: margin.bottom,
    x: ax.scale, y: ay.scale,
    marks: [
      Plot.rect(cells, {x1: "x1", x2: "x2", y1: "y1", y2: "y2", fill: (d) => limitWash[d.limit], shapeRendering: "crispEdges", clip: true}),
      ...lines.map((l) => Plot.line(l.points, {stroke: ink, strokeOpacity: 0.4, strokeWidth: 1, clip: true})),
      ...ax.marks.slice(1), ...ay.marks.slice(1),
      Plot.text(isoLabels, {x: "x", y: "y", text: "text", fill: ink, stroke: paper, strokeWidth: 5, fontVariant: "tabular-nums"}),
      Plot.text(names, {x: "x", y: "y", text: "text", fontSize: regionSize(width), fontWeight: 600, fill: ink, fillOpacity: 0.75}),
      Plot.dot(others, {...xy, r: 3.5, fill: (m) => m.special ? other : m.hypothetical ? paper : ink, stroke: (m) => m.special ? other : ink, strokeWidth: 1.3}),
      moved ? Plot.arrow([{}], {x1: bx, y1: by, x2: now.x, y2: now.y, stroke: ink, strokeDasharray: "3,3", inset: 8, headLength: 6}) : null,
      moved ? Plot.dot([{bandwidth: bx, latency: by}], {...xy, r: 4, fill: ink}) : null,
      Plot.dot(own.slice(0, 1), {...xy, r: 6.5, fill: paper, stroke: ink, strokeWidth: 2.5}),
      Plot.dot(own.slice(0, 1), {...xy, r: 2.5, fill: ink}),
      ...labels(points, "bandwidth", "latency", halo),
    ],
  });
  return {svg, rows, says: `tokens/s of a user (lines) over bandwidth and latency, all else of ${state.A.name} as set. Click to go there.` +
    (exchanges ? " Other machines stand at their own bandwidth and latency." : " With one rank nothing is exchanged: raise TP.")};
}
