// Capacity: what a rank must hold, against the memory of machines.
import * as Plot from "@observablehq/plot";
import {count, si, times} from "../format.js";
import {parametersOf} from "../machine.js";
import {base, ink, line, other, paper, shorten, soft, textWidth} from "./common.js";

export function drawCapacity(width, {state, data, A}) {
  const weights = A.bytes.weights, kv = A.bytes.held - A.bytes.weights;
  const share = A.devices / (state.tp * state.pp);
  const rowOf = (m, i) => {
    const c = parametersOf(m, data)["memory.capacity"];
    return c && {name: m.name, bytes: c.value * (i === state.machine ? share * state.factors.capacity : 1), i, group: m.group};
  };
  const all = data.machines.map(rowOf).filter(Boolean);
  const room = all.find((m) => m.i === state.machine)?.bytes ?? 0;
  // The machine and the one beside it, then those of each size, hypothetical ones first.
  const chosen = [], sizes = new Set();
  for (const m of [...all.filter((m) => m.i === state.machine), ...all.filter((m) => m.i === state.other),
    ...all.filter((m) => m.group === "hypothetical"), ...all.filter((m) => m.group.startsWith("datasheet"))]) {
    const size = Math.round(m.bytes / 8e9);
    if (m.bytes > Math.max(4 * room, 3 * A.bytes.held) && m.i !== state.machine && m.i !== state.other) continue;
    if (chosen.some((c) => c.i === m.i) || (sizes.has(size) && m.i !== state.machine && m.i !== state.other)) continue;
    if (chosen.length >= 9) break;
    sizes.add(size);
    chosen.push(m);
  }
  const rest = chosen.filter((m) => m.i !== state.machine && m.i !== state.other).sort((a, b) => b.bytes - a.bytes);
  const order = [...chosen.filter((m) => m.i === state.machine || m.i === state.other), ...rest];
  const need = "a rank needs";
  const label = (m) => shorten(m.name, width < 420 ? 15 : 20);
  const most = Math.max(A.bytes.held, ...order.map((m) => m.bytes)) ;
  const rows = [need, ...order.map(label)];
  const left = Math.max(...rows.map((r) => textWidth(r))) + 14, right = 86;
  const GB = 1e-9, pixels = (width - left - right) / (most * GB);
  const pieces = [{text: "weights", x1: 0, x2: weights * GB, fill: "var(--memory)", on: "var(--on-memory)"},
    {text: "KV cache", x1: weights * GB, x2: A.bytes.held * GB, fill: "var(--sync)", on: "var(--on-sync)"}];
  const svg = Plot.plot({
    ...base, width, height: 52 + 25 * rows.length, marginLeft: left, marginRight: right, marginTop: 10, marginBottom: 38,
    x: {domain: [0, most * GB], label: "GB (10⁹ bytes)", labelAnchor: "center", labelArrow: "none", ticks: Math.max(3, width / 90), tickSize: 0},
    y: {domain: rows, label: null, tickSize: 0, padding: 0.25},
    marks: [
      Plot.gridX({stroke: line, strokeOpacity: 1, ticks: Math.max(3, width / 90)}),
      Plot.barX(order, {x: (m) => m.bytes * GB, y: label, fill: (m) => m.i === state.other ? other : "var(--capacity)", fillOpacity: (m) => m.bytes >= A.bytes.held ? 0.75 : 0.25}),
      Plot.ruleX([A.bytes.held * GB], {stroke: ink, strokeDasharray: "3,3"}),
      Plot.text(order, {x: (m) => (m.bytes >= A.bytes.held ? m.bytes : A.bytes.held) * GB, y: label, textAnchor: "start", dx: 5,
        text: (m) => m.bytes >= A.bytes.held ? si(m.bytes, "B") : `${si(m.bytes, "B")}, ${times(A.bytes.held / m.bytes)} short`,
        fill: (m) => m.bytes >= A.bytes.held ? ink : soft, stroke: paper, strokeWidth: 4}),
      Plot.barX(pieces, {x1: "x1", x2: "x2", y: () => need, fill: "fill", insetRight: 0.5}),
      Plot.text(pieces.filter((p) => (p.x2 - p.x1) * pixels > textWidth(p.text, 11) + 8), {x: (p) => (p.x1 + p.x2) / 2, y: () => need, text: "text", fill: "on", fontSize: 11}),
      Plot.text([need], {x: A.bytes.held * GB, y: (d) => d, textAnchor: "start", dx: 5, text: () => si(A.bytes.held, "B"), fontWeight: 700}),
    ],
  });
  const out = [{what: "weights", bytes: weights}, {what: "KV cache", bytes: kv}, ...order.map((m) => ({what: m.name, bytes: m.bytes}))];
  return {svg, rows: out, says: `Weights ${si(weights, "B")} and KV cache ${si(kv, "B")} a rank; activations stay on chip. Largest batch here: ${count(A.largestBatch)}.`};
}
