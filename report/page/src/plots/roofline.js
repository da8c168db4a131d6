// The roofline: ceilings by precision, the step's own operators, and what was measured.
import * as Plot from "@observablehq/plot";
import {si, plain} from "../format.js";
import {base, halo, ink, labels, logScale, logX, logY, other, paper, placed, placedSeries, shorten, soft, textWidth} from "./common.js";

const seriesColour = {fp64: soft, fp32: "var(--s1)", bf16: "var(--s3)", fp8: "var(--s6)", int8: "var(--s2)", int4: "var(--s4)", fp4: "var(--s5)"};
const partName = {linear: "linear layers", experts: "experts", attention: "attention", apart: "head"};

// Distinct matrix peaks of a machine, as scaled by the sliders: [{rate, text}], the highest first.
function peaks(named, factor) {
  const out = new Map();
  for (const [key, p] of Object.entries(named)) {
    if (!key.startsWith("compute.") || key === "compute.scalar") continue;
    const rate = p.value * factor;
    out.set(rate, [...(out.get(rate) ?? []), key.slice(8)]);
  }
  return [...out].map(([rate, names]) => ({rate, text: names.join(", ")})).sort((a, b) => b.rate - a.rate);
}

export function drawRoofline(width, {state, data, named, namedB, A, B}) {
  const f = state.factors;
  const own = {bandwidth: named["memory.bandwidth"].value * f.bandwidth, peaks: peaks(named, f.compute), colour: ink, name: state.A.name};
  const roofs = [own];
  if (B) roofs.push({bandwidth: namedB["memory.bandwidth"].value * f.bandwidth, peaks: peaks(namedB, f.compute).slice(0, 1), colour: other, name: state.B.name});
  const measured = data.runs.flatMap((r) => state.A.group === "measured here" ? r.roofline : []);
  // A rank may have part of a device; its operators stand where the whole device would.
  const share = A.devices / (state.tp * state.pp);
  const operators = A.parts.filter((p) => p.bytes > 0 && p.flops > 0).map((p) => {
    const seconds = A.pieces[p.name];
    return {text: partName[p.name], intensity: p.flops / p.bytes, rate: p.flops / seconds / share};
  });
  const tops = roofs.flatMap((r) => r.peaks.map((p) => p.rate));
  const xs = [...operators, ...measured].map((p) => p.intensity), ys = [...operators.map((o) => o.rate), ...measured.map((m) => m.low)];
  const ridge = Math.max(...roofs.map((r) => (r.peaks[0]?.rate ?? 64 * r.bandwidth) / r.bandwidth));
  const x = [Math.min(0.5, ...xs) / 2, Math.max(ridge * 6, ...xs.map((v) => v * 3))];
  const y = [Math.min(...ys, ...roofs.map((r) => r.bandwidth * x[0] * 2)) / 2, Math.max(...tops, ...ys, own.bandwidth * 4) * 2];
  const height = Math.round(Math.max(300, Math.min(380, width * 0.72)));
  const margin = {left: 90, right: 10 + Math.max(...own.peaks.map((p) => textWidth(p.text)), 4), top: 24, bottom: 40};
  const px = logScale(x, margin.left, width - margin.right), py = logScale(y, height - margin.bottom, margin.top);
  const lines = [], texts = [], taken = [];
  for (const r of roofs) {
    const top = r.peaks[0]?.rate ?? y[1];
    const from = Math.max(x[0], y[0] / r.bandwidth);
    lines.push({colour: r.colour, points: [[from, from * r.bandwidth], [top / r.bandwidth, top]]});
    let last = -1e9;
    for (const p of r.peaks) {
      lines.push({colour: r.colour, points: [[p.rate / r.bandwidth, p.rate], [x[1], p.rate]]});
      for (let X = px(p.rate / r.bandwidth); X < width - margin.right; X += 8) taken.push([X, py(p.rate) - 3, X + 8, py(p.rate) + 3]);
      if (r !== own || py(p.rate) - last < 13) continue;
      last = py(p.rate);
      texts.push({x: x[1], y: p.rate, text: p.text, colour: r.colour});
    }
  }
  const angle = -Math.atan2(py(own.bandwidth) - py(own.bandwidth * 10), px(10) - px(1)) * 180 / Math.PI;
  const t = 0.3, top = own.peaks[0]?.rate ?? y[1];
  const from = Math.max(x[0], y[0] / own.bandwidth), at = from * (top / own.bandwidth / from) ** t;
  // The name of the machine beside it stands along its slope.
  const beside = roofs.slice(1).map((r) => {
    const most = r.peaks[0]?.rate ?? y[1], least = Math.max(x[0], y[0] / r.bandwidth), at = least * (most / r.bandwidth / least) ** 0.6;
    const text = shorten(r.name, 20), w = textWidth(text, 12, true) / 2, X = px(at), Y = py(at * r.bandwidth);
    for (let k = -1; k <= 1; k += 0.25) {
      const dx = k * w * Math.cos(angle / 57.3), dy = k * w * Math.sin(angle / 57.3);
      taken.push([X + dx - 12, Y + dy - 20, X + dx + 6, Y + dy + 4]);
    }
    return {at, rate: at * r.bandwidth, text};
  });
  const series = [...new Set(measured.map((m) => m.series))];
  const frame = {left: margin.left, right: width - margin.right, top: margin.top, bottom: height - margin.bottom};
  // The roof itself is in the way of labels.
  for (let k = 0; k <= 40; ++k) {
    const X = px(from * (top / own.bandwidth / from) ** (k / 40)), Y = py(from * (top / own.bandwidth / from) ** (k / 40) * own.bandwidth);
    taken.push([X - 5, Y - (k > 6 && k < 22 ? 18 : 5), X + 5, Y + 5]);
  }
  const inPixels = (p, i, r) => ({...p, i, r, x: px(i), y: py(r)});
  for (const m of measured) taken.push([px(m.intensity) - 3, py(m.rate) - 3, px(m.intensity) + 3, py(m.rate) + 3]);
  const points = placed(operators.map((o) => inPixels({...o, style: {fontWeight: 600}}, o.intensity, o.rate)), frame, taken);
  for (const p of points) {
    const w = textWidth(p.text, 12, true), from = p.x + p.dx - (p.anchor === "end" ? w : p.anchor === "middle" ? w / 2 : 0);
    taken.push([from, p.y + p.dy - 8, from + w, p.y + p.dy + 8]);
  }
  for (const o of operators) taken.push([px(o.intensity) - 6, py(o.rate) - 6, px(o.intensity) + 6, py(o.rate) + 6]);
  points.push(...placedSeries(series.map((text) => ({text, style: {fill: seriesColour[text] ?? soft, fontWeight: 600},
    points: measured.filter((m) => m.series === text).sort((a, b) => b.intensity - a.intensity).map((m) => inPixels({}, m.intensity, m.rate))})), frame, taken));
  const ax = logX(x, plain, "arithmetic intensity, FLOP/B", width), ay = logY(y, "FLOP/s", null, height);
  const svg = Plot.plot({
    ...base, width, height, marginLeft: margin.left, marginRight: margin.right, marginTop: margin.top, marginBottom: margin.bottom, x: ax.scale, y: ay.scale,
    marks: [...ax.marks, ...ay.marks,
      ...lines.map((l) => Plot.line(l.points, {stroke: l.colour, strokeWidth: 1.75, clip: true})),
      Plot.text(texts, {x: "x", y: "y", text: "text", textAnchor: "start", dx: 6, fill: "colour"}),
      Plot.text([[at, at * own.bandwidth]], {text: () => "memory " + si(own.bandwidth, "B/s"), rotate: angle, dy: -9 * Math.cos(angle / 57.3), dx: 9 * Math.sin(angle / 57.3), ...halo}),
      Plot.text(beside, {x: "at", y: "rate", text: "text", rotate: angle, dy: -9 * Math.cos(angle / 57.3), dx: 9 * Math.sin(angle / 57.3), fill: other, stroke: paper, strokeWidth: 4, fontWeight: 600}),
      Plot.ruleX(measured, {x: "intensity", y1: "low", y2: "high", stroke: (m) => seriesColour[m.series] ?? soft}),
      Plot.dot(measured, {x: "intensity", y: "rate", r: 2.5, fill: (m) => seriesColour[m.series] ?? soft, title: (m) => `${m.series} ${m.label}: ${si(m.rate, "FLOP/s")}`}),
      Plot.dot(operators, {x: "intensity", y: "rate", r: 5.5, symbol: "diamond", fill: ink, stroke: paper}),
      ...labels(points, "i", "r", halo)],
  });
  const rows = [...own.peaks.map((p) => ({kind: "peak", what: p.text, intensity_flop_per_byte: "", flops_per_second: p.rate, low: "", high: ""})), ...operators.map((o) => ({kind: "predicted", what: o.text, intensity_flop_per_byte: o.intensity, flops_per_second: o.rate, low: "", high: ""})),
    ...measured.map((m) => ({kind: "measured", what: `${m.series} ${m.label}`, intensity_flop_per_byte: m.intensity, flops_per_second: m.rate, low: m.low, high: m.high}))];
  return {svg, rows, says: "A device’s roofs, and the parts of the step at what the model expects of them (diamonds)" +
    (measured.length ? "; dots: layers measured cold, with 95 % intervals." : ".")};
}
