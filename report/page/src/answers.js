// The answer in one sentence and in four figures.
import {h} from "./dom.js";
import {count, figure, percent, si, times, tokens} from "./format.js";
import {evidenceOf} from "./machine.js";
import {limits} from "./model.js";
import {limitColour} from "./plots/common.js";

const rate = (v) => (v.low < v.high ? `${figure(v.value)} tokens/s (90 %: ${figure(v.low)} to ${figure(v.high)})` : `${figure(v.value)} tokens/s`);

const limit = (i) => {
  const e = h("span", {className: "limit"}, limits[i]);
  e.style.color = limitColour[i] && i !== 3 ? `color-mix(in srgb, ${limitColour[i]} 85%, var(--ink))` : "";
  return e;
};

export function verdict(element, state, A, B) {
  const weights = state.weightsName === "native" ? "weights as published" : `${state.weightsName} weights`;
  const set = `${state.M.name} (${weights}, ${tokens(state.context)} tokens of context, batch ${count(state.batch)})`;
  const ways = ["tp", "pp", "ep"].filter((k) => state[k] > 1).map((k) => `${k.toUpperCase()} ${state[k]}`);
  const where = `${state.A.name}${Object.values(state.factors).some((f) => f !== 1) ? ", as changed," : ""}${ways.length ? ` at ${ways.join(", ")}` : ""}`;
  if (!A.fits) {
    element.replaceChildren(`${set} does not run on ${where}: ${A.why}.`);
    return;
  }
  const next = Number.isFinite(A.factor) ? [` and would have to be ${times(A.factor).replace("×", "")} times better before `, limit(A.next), " does."] : ["."];
  const ideal = A.utps.value < A.utps.ideal * 0.995 ? `, ${percent(A.utps.value / A.utps.ideal)} of its ideal limit` : ", an ideal limit";
  element.replaceChildren(`${where} gives a user of ${set} ${rate(A.utps)}${ideal}; `, limit(A.binding), " binds", ...next);
  if (B) element.append(B.fits ? ` ${state.B.name}: ${rate(B.utps)}.` : ` ${state.B.name}: does not fit.`);
}

function tile(name, value, more, words = false) {
  return h("div", {className: "answer"}, h("div", {className: "name"}, name),
    h("div", {className: words ? "value words" : "value"}, ...[value].flat()),
    ...more.filter(Boolean).map((m) => typeof m === "string" ? h("div", {className: "more"}, m) : m));
}
const b = (text) => h("div", {className: "more b"}, text);
const chip = (i) => {
  const e = h("span", {className: "chip"});
  e.style.background = limitColour[i];
  return e;
};

export function answers(element, state, A, B) {
  const none = "does not fit";
  const bar = h("div", {className: "gauge"});
  const full = A.bytes.held / A.bytes.capacity;
  const scale = Math.max(1, full);
  for (const [bytes, colour] of [[A.bytes.weights, "var(--memory)"], [A.bytes.held - A.bytes.weights, "var(--sync)"]]) {
    const s = h("span");
    s.style.width = `${100 * bytes / A.bytes.capacity / scale}%`;
    s.style.background = full > 1 ? "var(--bad)" : colour;
    bar.append(s);
  }
  const range = (v) => A.calibrated ? `90 %: ${figure(v.low)} to ${figure(v.high)}; ideal ${figure(v.ideal)}` : "a limit: not calibrated";
  element.replaceChildren(
    tile("tokens/s of a user", A.fits ? figure(A.utps.value) : none, [A.fits && range(A.utps), A.fits && A.extrapolated && "extrapolated to these ranks", `rests on: ${evidenceOf(state.A)}`, B && b(`${state.B.name}: ${B.fits ? figure(B.utps.value) + (A.fits ? ` (${times(B.utps.value / A.utps.value)})` : "") : none}`)], !A.fits),
    tile("tokens/s of the system", A.fits ? figure(A.stps.value) : none, [A.fits && `${figure(A.stps.value / A.devices)} a device, ${A.devices} in use`, B && b(B.fits ? `${figure(B.stps.value)}; ${figure(B.stps.value / B.devices)} a device` : none)], !A.fits),
    tile("what binds", [chip(A.binding), limits[A.binding]], [
      !A.computeKnown ? "compute is not known" : Number.isFinite(A.factor) ? (A.fits ? `${limits[A.next]} at ${times(A.factor)}` : `${times(A.factor)} more would do`) : "nothing is next",
      B && b(limits[B.binding])], true),
    tile("memory of a rank", Number.isFinite(A.bytes.capacity) ? percent(full) : si(A.bytes.held, "B"), [bar, `${si(A.bytes.held, "B")} of ${si(A.bytes.capacity, "B")}`, B && b(`${si(B.bytes.held, "B")} of ${si(B.bytes.capacity, "B")}`)]));
}
