// What binds: the time of a token, piece by piece, for each degree of tensor parallelism.
import * as Plot from "@observablehq/plot";
import {si} from "../format.js";
import {base, limitColour, line, onLimit, other, soft, shorten, textWidth} from "./common.js";

const pieceName = {linear: "linear layers", experts: "experts", attention: "attention", apart: "head", exchanges: "exchanges", fixed: "fixed"};

// Pieces of a step with the limit that each is at.
export function piecesOf(p) {
  const out = p.parts.map((part) => ({piece: part.name, seconds: p.pieces[part.name], limit: part.compute > part.memory ? 1 : 0}));
  out.push({piece: "exchanges", seconds: p.pieces.exchanges, limit: 2}, {piece: "fixed", seconds: p.pieces.fixed, limit: 2});
  return out.filter((x) => x.seconds > 0);
}

export function drawStep(width, {state, model, A, B}) {
  const bars = [], none = [], rows = [];
  const add = (label, p, special) => {
    rows.push(label);
    if (!p.fits) {
      none.push({label, text: "does not fit: " + p.why, special});
      return;
    }
    let x = 0;
    for (const piece of piecesOf(p)) {
      bars.push({label, ...piece, x1: x, x2: x + piece.seconds, total: p.seconds, special});
      x += piece.seconds;
    }
  };
  const degrees = state.choices("tp").filter((tp) => tp * state.pp <= state.A.devices * state.A.ranks_per_device).slice(-9);
  for (const tp of degrees) add(`TP ${tp}`, tp === state.tp ? A : model.predict(0, state.with({tp, ep: Math.min(state.ep, tp)})), false);
  if (B) add(shorten(state.B.name, 14), B, true);
  const most = Math.max(...bars.map((b) => b.x2), 0);
  const scale = most >= 1 ? [1, "s"] : most >= 1e-3 ? [1e3, "ms"] : [1e6, "µs"];
  const left = Math.max(48, ...rows.map((r) => textWidth(r) + 14)), right = 66;
  const pixels = (width - left - right) / (most || 1);
  const named = bars.filter((b) => (b.x2 - b.x1) * pixels > textWidth(pieceName[b.piece], 11) + 8);
  const totals = [...new Map(bars.map((b) => [b.label, b])).values()];
  const now = `TP ${state.tp}`;
  const svg = Plot.plot({
    ...base, width, height: 66 + Math.max(27, Math.min(46, 264 / rows.length)) * rows.length, marginLeft: left, marginRight: right, marginTop: 24, marginBottom: 42,
    x: {domain: [0, (most || 1) * scale[0]], label: `time per token, ${scale[1]}`, labelAnchor: "center", labelArrow: "none", ticks: Math.max(3, width / 90), tickSize: 0, nice: false},
    y: {domain: rows, label: null, tickSize: 0, padding: 0.22},
    marks: [
      Plot.gridX({stroke: line, strokeOpacity: 1, ticks: Math.max(3, width / 90)}),
      Plot.barX(bars, {x1: (d) => d.x1 * scale[0], x2: (d) => d.x2 * scale[0], y: "label", fill: (d) => limitColour[d.limit],
        fillOpacity: (d) => ({linear: 1, experts: 0.9, attention: 0.78, apart: 0.6, exchanges: 1, fixed: 0.7})[d.piece], insetRight: 1,
        title: (d) => `${d.label}, ${pieceName[d.piece]}: ${si(d.seconds, "s")}`}),
      Plot.text(named, {x: (d) => (d.x1 + d.x2) / 2 * scale[0], y: "label", text: (d) => pieceName[d.piece], fill: (d) => onLimit[d.limit], fontSize: 11}),
      Plot.text(totals, {x: (d) => d.total * scale[0], y: "label", text: (d) => si(d.total, "s"), textAnchor: "start", dx: 6, fontWeight: (d) => d.label === now ? 700 : 400, fill: (d) => d.special ? other : "var(--ink)"}),
      Plot.text(none, {x: 0, y: "label", text: (d) => shorten(d.text, Math.floor((width - left) / 6.4)), textAnchor: "start", dx: 4, fill: soft}),
      Plot.text(rows.includes(now) ? [now] : [], {x: 0, y: (d) => d, text: () => "▸", textAnchor: "end", dx: -left + 10}),
    ],
  });
  const legend = "Blue: memory bandwidth; orange: compute; green: synchronization.";
  const rowsOut = bars.map((b) => ({machine: b.special ? state.B.name : state.A.name, row: b.label, piece: pieceName[b.piece], limit: ["memory bandwidth", "compute", "synchronization"][b.limit], seconds: b.seconds}));
  return {svg, rows: rowsOut, says: `Where the time of a token goes as ranks are added. ${legend}`};
}
