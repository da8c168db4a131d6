// Pareto: tokens/s of a user against tokens/s of a device, over partitions and batches.
import * as Plot from "@observablehq/plot";
import {figure, plain} from "../format.js";
import {limits} from "../model.js";
import {base, halo, ink, labels, limitColour, logScale, logX, logY, other, paper, placed, shorten} from "./common.js";

export function frontierOf(points) {
  const out = [];
  let best = 0;
  for (const p of [...points].sort((a, b) => b.utps - a.utps || b.stps - a.stps)) {
    if (p.stps <= best) continue;
    best = p.stps;
    out.push(p);
  }
  return out.reverse();
}

const words = (p) => `TP ${p.tp}${p.pp > 1 ? ` PP ${p.pp}` : ""}${p.ep > 1 ? ` EP ${p.ep}` : ""} × ${p.batch}`;

export function drawPareto(width, {state, model, A, B}) {
  const all = model.frontier(0, state), best = frontierOf(all);
  const bestB = B ? frontierOf(model.frontier(1, state)) : [];
  const height = Math.round(Math.max(300, Math.min(380, width * 0.72)));
  const here = A.fits ? [{utps: A.utps.value, stps: A.stps.value / A.devices}] : [];
  const everything = [...all, ...bestB, ...here];
  const rows = all.map((p) => ({tp: p.tp, pp: p.pp, ep: p.ep, batch: p.batch, utps: p.utps, stps_per_device: p.stps, binding: limits[p.binding], on_frontier: best.includes(p) ? 1 : 0}));
  if (everything.length === 0) {
    return {svg: Plot.plot({...base, width, height: 80, axis: null, marks: [Plot.text(["No partition of this machine holds the model."], {frameAnchor: "middle", fontSize: 14})]}), rows,
      says: "Nothing fits."};
  }
  const reach = (key, pad) => {
    const v = everything.map((p) => p[key]);
    return [Math.min(...v) / pad, Math.max(...v) * pad];
  };
  const x = reach("utps", 1.5), y = reach("stps", 1.5), margin = {left: 58, right: 14, top: 24, bottom: 40};
  const px = logScale(x, margin.left, width - margin.right), py = logScale(y, height - margin.bottom, margin.top);
  const away = (p) => here.every((q) => Math.abs(px(p.utps) - px(q.utps)) > 20 || Math.abs(py(p.stps) - py(q.stps)) > 20);
  const some = [best.at(-1), best[0], best[Math.floor(best.length / 2)]].filter((p, i, list) => p && list.indexOf(p) === i && away(p));
  // Small boxes along a line, which labels keep off.
  const segments = (list) => list.slice(1).flatMap((p, i) => Array.from({length: 9}, (_, k) => {
    const t = (k + 0.5) / 9, q = list[i];
    const X = px(q.utps) * (1 - t) + px(p.utps) * t, Y = py(q.stps) * (1 - t) + py(p.stps) * t;
    return [X - 2, Y - 2, X + 2, Y + 2];
  }));
  const names = [
    ...here.map((p) => ({...p, text: "as set", style: {fontWeight: 700}})),
    ...some.map((p) => ({...p, text: words(p)})),
    ...(bestB.length ? [bestB[Math.floor(bestB.length / 3)]].map((p) => ({...p, text: shorten(state.B.name, 20), style: {fill: other, fontWeight: 600}})) : []),
  ].map((p) => ({...p, u: p.utps, s: p.stps, x: px(p.utps), y: py(p.stps)}));
  const frame = {left: margin.left, right: width - margin.right, top: margin.top - 6, bottom: height - margin.bottom};
  const onLine = [...segments(best), ...segments(bestB)];
  const ax = logX(x, plain, "tokens/s of a user", width), ay = logY(y, plain, "tokens/s of a device", height);
  const xy = {x: "utps", y: "stps"};
  const svg = Plot.plot({
    ...base, width, height, marginLeft: margin.left, marginRight: margin.right, marginTop: margin.top, marginBottom: margin.bottom, x: ax.scale, y: ay.scale,
    marks: [...ax.marks, ...ay.marks,
      Plot.dot(all, {...xy, r: 2, fill: (p) => limitColour[p.binding], fillOpacity: 0.35}),
      bestB.length ? Plot.line(bestB, {...xy, stroke: other, strokeWidth: 2, curve: "linear"}) : null,
      Plot.line(best, {...xy, stroke: ink, strokeWidth: 1.5, strokeOpacity: 0.6}),
      Plot.dot(best, {...xy, r: 4, fill: (p) => limitColour[p.binding], stroke: paper, title: (p) => `${words(p)}: ${figure(p.utps)} tokens/s a user, ${figure(p.stps)} a device; ${limits[p.binding]}`}),
      Plot.dot(here, {...xy, r: 7, stroke: ink, strokeWidth: 2.5}),
      ...labels(placed(names, frame, onLine), "u", "s", halo)],
  });
  return {svg, rows, says: `No other partition or batch gives both a user and a device more (line). Colour: what binds. ${all.length} configurations.`};
}
