// What the plots share: colours of limits, log axes, labels that keep apart.
import * as Plot from "@observablehq/plot";
import {tick} from "../format.js";

export const limitColour = ["var(--memory)", "var(--compute)", "var(--sync)", "var(--capacity)"];
export const limitWash = ["var(--memory-wash)", "var(--compute-wash)", "var(--sync-wash)", "var(--capacity-wash)"];
export const onLimit = ["var(--on-memory)", "var(--on-compute)", "var(--on-sync)", "var(--on-capacity)"];
export const ink = "var(--ink)", soft = "var(--soft)", line = "var(--line)", paper = "var(--paper)", other = "var(--other)";

export const base = {style: {fontSize: "12px", background: "transparent", color: "var(--ink)", overflow: "visible"}};
export const halo = {stroke: paper, strokeWidth: 4, fill: ink};

// 1, 10, 100 ... within a range, or also 2 and 5 where that leaves few.
export function ticksOf([low, high], most) {
  const out = {1: [], 3: []};
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); ++e) {
    for (const m of [1, 2, 5]) {
      const v = Number(`${m}e${e}`);
      if (v < low * 0.999 || v > high * 1.001) continue;
      out[3].push(v);
      if (m === 1) out[1].push(v);
    }
  }
  if (out[3].length <= most) return out[3];
  const step = Math.ceil(out[1].length / most);
  return out[1].filter((_, i) => i % step === 0);
}

// Scale options and marks of a logarithmic axis.
export function logX(domain, unit, label, width) {
  const ticks = ticksOf(domain, Math.max(3, width / 75));
  return {
    scale: {type: "log", domain, label: null},
    marks: [Plot.gridX(ticks, {stroke: line, strokeOpacity: 1}),
      Plot.axisX(ticks, {text: typeof unit === "function" ? unit : tick(unit), tickSize: 0, label, labelAnchor: "center", labelArrow: "none"})],
  };
}
export function logY(domain, unit, label, height) {
  const ticks = ticksOf(domain, Math.max(3, height / 34));
  return {
    scale: {type: "log", domain, label: null},
    marks: [Plot.gridY(ticks, {stroke: line, strokeOpacity: 1}),
      Plot.axisY(ticks, {text: typeof unit === "function" ? unit : tick(unit), tickSize: 0, label, labelAnchor: "top", labelArrow: "none"})],
  };
}

// Pixels of a value on a log axis from a to b.
export const logScale = ([low, high], a, b) => (v) => a + (Math.log(v / low) / Math.log(high / low)) * (b - a);
export const logInvert = ([low, high], a, b) => (pixel) => low * (high / low) ** ((pixel - a) / (b - a));

export const textWidth = (text, size = 12, bold = false) => text.length * size * (bold ? 0.68 : 0.6);

// Labels for points in pixels, {x, y, text, ...}, each beside its point where nothing is in the
// way; left out where there is no room. Gives {..., anchor, dx, dy}.
export function placed(points, {left, right, top, bottom}, taken = []) {
  const boxes = [...taken, ...points.map((p) => [p.x - 5, p.y - 5, p.x + 5, p.y + 5])];
  const out = [];
  points.forEach((p, i) => {
    const w = textWidth(p.text, 12, p.style?.fontWeight), own = taken.length + i;
    const tries = [
      ["start", 9, 0, [p.x + 8, p.y - 8, p.x + 10 + w, p.y + 8]],
      ["end", -9, 0, [p.x - 10 - w, p.y - 8, p.x - 8, p.y + 8]],
      ["middle", 0, -14, [p.x - w / 2, p.y - 22, p.x + w / 2, p.y - 6]],
      ["middle", 0, 14, [p.x - w / 2, p.y + 6, p.x + w / 2, p.y + 22]],
      ["start", 9, -12, [p.x + 8, p.y - 20, p.x + 10 + w, p.y - 4]],
      ["start", 9, 12, [p.x + 8, p.y + 4, p.x + 10 + w, p.y + 20]],
      ["end", -9, -12, [p.x - 10 - w, p.y - 20, p.x - 8, p.y - 4]],
      ["end", -9, 12, [p.x - 10 - w, p.y + 4, p.x - 8, p.y + 20]],
    ];
    for (const [anchor, dx, dy, box] of tries) {
      const [x1, y1, x2, y2] = box;
      if (x1 < left || x2 > right || y1 < top || y2 > bottom) continue;
      if (boxes.some(([a, b, c, d], k) => k !== own && x1 < c && a < x2 && y1 < d && b < y2)) continue;
      boxes.push(box);
      out.push({...p, anchor, dx, dy});
      return;
    }
  });
  return out;
}

export const seriesColours = ["var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)", "var(--s5)", "var(--s6)"];

// A name for each series, {text, points: [{x, y, ...}]}, beside the first of its points that has room.
export function placedSeries(series, frame, taken = []) {
  const boxes = [...taken, ...series.flatMap((s) => s.points.map((p) => [p.x - 3, p.y - 3, p.x + 3, p.y + 3]))];
  const out = [];
  for (const {points, ...s} of series) {
    for (const p of points) {
      const [label] = placed([{...p, ...s}], frame, boxes.filter(([a, b, c, d]) => !(a < p.x && p.x < c && b < p.y && p.y < d)));
      if (!label) continue;
      const w = textWidth(label.text, 12, label.style?.fontWeight), left = p.x + label.dx - (label.anchor === "end" ? w : label.anchor === "middle" ? w / 2 : 0);
      boxes.push([left, p.y + label.dy - 8, left + w, p.y + label.dy + 8]);
      out.push(label);
      break;
    }
  }
  return out;
}

// One text mark a label: anchor and offsets are constants of a mark.
export const labels = (list, x, y, options) =>
  list.map((l) => Plot.text([l], {x, y, text: "text", textAnchor: l.anchor, dx: l.dx, dy: l.dy, ...options, ...(l.style ?? {})}));

export const shorten = (text, most) => text.length > most ? text.slice(0, most - 1) + "…" : text;
