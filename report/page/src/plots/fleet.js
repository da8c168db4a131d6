// A fleet: hosts against figures, coloured by how far a host is from the others.
import * as Plot from "@observablehq/plot";
import {base, ink, shorten, textWidth} from "./common.js";

export function drawFleet(width, {data}) {
  const cells = data.fleet.map((c) => ({...c, host: shorten(c.host, 24)}));
  const hosts = [...new Set(cells.map((c) => c.host))], figures = [...new Set(cells.map((c) => c.figure))];
  const left = Math.max(...hosts.map((t) => textWidth(t))) + 14;
  const cell = (width - left - 10) / figures.length;
  const upright = figures.some((t) => textWidth(t) > cell - 6);
  const top = upright ? Math.max(...figures.map((t) => textWidth(shorten(t, 40)))) + 16 : 24;
  const svg = Plot.plot({
    ...base, width, height: top + 12 + 24 * hosts.length, marginLeft: left, marginRight: 10, marginTop: top, marginBottom: 10,
    x: {domain: figures, label: null, axis: null, padding: 0.06}, y: {domain: hosts, label: null, tickSize: 0, padding: 0.1},
    marks: [
      Plot.axisX({anchor: "top", tickSize: 0, tickRotate: upright ? -90 : 0, tickFormat: (t) => shorten(t, 40), label: null}),
      Plot.cell(cells, {x: "figure", y: "host", fill: (c) => c.score === null ? "var(--panel)" : c.score < 0 ? "#d55e00" : "#0072b2",
        fillOpacity: (c) => Math.min(1, Math.abs(c.score ?? 0) / 6), stroke: "var(--line)", title: (c) => `${c.host}, ${c.figure}: ${c.text}; ${c.score?.toFixed(1) ?? "–"} robust deviations`}),
      Plot.text(cells, {x: "figure", y: "host", text: (c) => cell > textWidth(c.text, 11) + 4 ? c.text : "", fontSize: 11, fill: (c) => Math.abs(c.score ?? 0) > 3 ? "#ffffff" : ink}),
    ],
  });
  return {svg, rows: cells, says: "Each host over the median of all, those that stand out most: blue is better, orange worse, full colour at 6 robust deviations."};
}
