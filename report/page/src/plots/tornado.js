// Elasticities: what 1 % more of each thing does to the tokens/s of a user.
import * as Plot from "@observablehq/plot";
import {base, ink, line, other, paper, textWidth} from "./common.js";

const colour = {
  "memory bandwidth": "var(--memory)", "linear-layer efficiency": "var(--memory)", "attention efficiency": "var(--memory)",
  "bytes of a weight": "var(--memory)", "bytes of the KV cache": "var(--memory)", context: "var(--memory)",
  "matrix compute": "var(--compute)", "scalar compute": "var(--compute)", "unpacking of weights": "var(--compute)", batch: "var(--compute)",
  "fixed times": "var(--sync)", "sync latency": "var(--sync)", "sync bandwidth": "var(--sync)",
};

const right = 52;
const signed = (v) => (v < 0 ? "−" : "+") + Math.abs(v).toFixed(2);

export function drawTornado(width, {state, model, B}) {
  const all = model.elasticities(0, state).sort((a, b) => Math.abs(b.calibrated) - Math.abs(a.calibrated));
  const beside = B ? new Map(model.elasticities(1, state).map((e) => [e.lever, e])) : null;
  const shown = all.filter((e) => Math.abs(e.calibrated) >= 0.0005 || Math.abs(e.ideal) >= 0.0005);
  const left = Math.max(...shown.map((e) => textWidth(e.lever))) + 10;
  const most = Math.max(1, ...shown.map((e) => Math.max(Math.abs(e.calibrated), Math.abs(e.ideal))));
  const svg = Plot.plot({
    ...base, width, height: 58 + 25 * shown.length, marginLeft: left, marginRight: right, marginTop: 10, marginBottom: 42,
    x: {domain: [-most * 1.05, most * 1.05], label: "% more tokens/s of a user for 1 % more", labelAnchor: "center", labelArrow: "none", ticks: 5, tickSize: 0, tickFormat: (v) => (v > 0 ? "+" : v < 0 ? "−" : "") + Math.abs(v)},
    y: {domain: shown.map((e) => e.lever), label: null, tickSize: 0, padding: 0.28},
    marks: [
      Plot.gridX({stroke: line, strokeOpacity: 1, ticks: 5}),
      Plot.barX(shown, {x: "calibrated", y: "lever", fill: (e) => colour[e.lever]}),
      Plot.ruleX([0], {stroke: ink}),
      Plot.tickX(shown, {x: "ideal", y: "lever", stroke: ink, strokeWidth: 2}),
      beside ? Plot.dot(shown, {x: (e) => beside.get(e.lever).calibrated, y: "lever", r: 4, fill: other, stroke: paper}) : null,
      Plot.text(shown, {frameAnchor: "right", y: "lever", text: (e) => signed(e.calibrated), textAnchor: "end", dx: right - 6, fontVariant: "tabular-nums"}),
    ],
  });
  return {svg, rows: all.map((e) => ({lever: e.lever, elasticity: e.calibrated, elasticity_ideal: e.ideal})),
    says: "Bars: as calibrated. Ticks: of the ideal limit." + (B ? ` Dots: ${state.B.name}.` : "")};
}
