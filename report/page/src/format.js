// Figures for reading: three significant digits, SI prefixes, units always there.

const group = (text) => text.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");

export function figure(v, digits = 3) {
  if (!Number.isFinite(v)) return "–";
  if (v === 0) return "0";
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(v))));
  const [whole, fraction] = v.toFixed(Math.min(decimals, 9)).split(".");
  return group(whole) + (fraction ? "." + fraction : "");
}

// 1, 2.5, 0.05: for ticks, without zeros at the end.
export const plain = (v) => group(String(+v.toPrecision(3)));

const prefixes = [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""],
  [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"], [1e-12, "p"]];

function prefixed(v, unit, show) {
  if (!Number.isFinite(v)) return "–";
  if (v === 0) return "0 " + unit;
  const [scale, prefix] = prefixes.find(([s]) => Math.abs(v) >= s * 0.9995) ?? prefixes.at(-1);
  return show(v / scale) + " " + prefix + unit;
}

export const si = (v, unit) => prefixed(v, unit, figure);
export const tick = (unit) => (v) => prefixed(v, unit, plain);

export const count = (v) => Number.isFinite(v) ? group(String(Math.round(v))) : "no limit";
export const percent = (v) => figure(100 * v, 2) + " %";
export const times = (v) => (v >= 100 ? figure(v, 3) : figure(v, 2)) + "×";
export const tokens = (v) => v >= 1024 && v % 1024 === 0 ? `${v / 1024}k` : group(String(v));
