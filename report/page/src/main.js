// The page: data in one block, the model in another, everything else from the two.
import {answers, verdict} from "./answers.js";
import {Controls} from "./controls.js";
import {h} from "./dom.js";
import {Figure} from "./figure.js";
import {parametersOf} from "./machine.js";
import {Model} from "./model.js";
import {drawCapacity} from "./plots/capacity.js";
import {drawCompared} from "./plots/compared.js";
import {drawExchange, hasExchange} from "./plots/exchange.js";
import {drawFleet} from "./plots/fleet.js";
import {drawMap, pickOnMap} from "./plots/map.js";
import {drawMemory, hasMemory} from "./plots/memory.js";
import {drawPareto} from "./plots/pareto.js";
import {drawRoofline} from "./plots/roofline.js";
import {drawStep} from "./plots/step.js";
import {drawTornado} from "./plots/tornado.js";
import {State} from "./state.js";
import {fillTables} from "./tables.js";

const by = (id) => document.getElementById(id);
const data = JSON.parse(by("data").textContent);
const model = new Model(by("model").textContent);
const state = new State(data);
state.fromHash(location.hash);

let loaded = [null, null, null];
const use = (slot, machine) => {
  if (loaded[slot] === machine) return;
  model.useMachine(slot, machine.row);
  loaded[slot] = machine;
};
// What every figure reads.
const context = {state, model, data, useB: () => { loaded[1] = null; if (state.B) use(1, state.B); }};

function predict() {
  use(0, state.A);
  if (state.B) use(1, state.B);
  if (loaded[2] !== state.M) {
    model.useModel(state.M.row);
    loaded[2] = state.M;
  }
  context.named = parametersOf(state.A, data);
  context.A = model.predict(0, state);
  context.B = state.B ? model.predict(1, state) : null;
  context.namedB = state.B ? parametersOf(state.B, data) : null;
}

const live = [
  new Figure("map", "Limit map", drawMap, {wide: true, click: (x, y, width) => {
    state.factors = pickOnMap(context, x, y, width);
    changed();
  }}),
  new Figure("step", "What binds", drawStep),
  new Figure("pareto", "One user, or many", drawPareto),
  new Figure("roofline", "Roofline", drawRoofline),
  new Figure("tornado", "What would help", drawTornado),
  new Figure("capacity", "Does it fit", drawCapacity, {wide: true}),
];
const fixed = [
  ...(hasExchange(data) ? [new Figure("allreduce", "All-reduce", drawExchange)] : []),
  ...(hasMemory(data) ? [new Figure("memory", "Bandwidth by working set", drawMemory)] : []),
  ...data.compared.map((table, i) => new Figure(`compared-${i + 1}`, table.title, drawCompared(table))),
  ...(data.fleet.length ? [new Figure("fleet", "The fleet", drawFleet, {wide: true})] : []),
];
const figures = [...live, ...fixed];

// Figures in sight are drawn at once, the others when there is time.
let rest = 0, hash = 0;
function later() {
  clearTimeout(rest);
  rest = setTimeout(function one() {
    const next = figures.find((f) => f.stale);
    if (!next) return;
    next.render(context);
    next.stale = false;
    rest = setTimeout(one, 0);
  }, 120);
}
const near = (f) => {
  const box = f.element.getBoundingClientRect();
  return box.bottom > 0 && box.top < innerHeight;
};
function draw(list) {
  for (const f of list) f.stale = true;
  for (const f of figures) if (f.stale && near(f)) f.render(context);
  later();
}

function changed() {
  predict();
  controls.show(context.A.latency);
  verdict(by("verdict"), state, context.A, context.B);
  answers(by("answers"), state, context.A, context.B);
  draw(live);
  clearTimeout(hash);
  hash = setTimeout(() => history.replaceState(null, "", state.toHash()), 300);
}

function origin() {
  const words = data.origin.map((o) => `${o.host}, ${o.what || "unknown processor"}${o.units ? `, ${o.units} processing units` : ""}, ` +
    `${o.started.replace("T", " ").replace("Z", " UTC")}, by limen ${o.version}${o.revision ? ` (${o.revision})` : ""}`);
  by("origin").textContent = words.length
    ? `Measured on ${words.join("; ")}. Other machines: their cards and laws fitted to published measurements.`
    : "Nothing was measured for this page: machines are as their cards say, with laws fitted to published measurements where there are any. A figure without an interval is a limit.";
  const emulated = data.origin.some((o) => o.emulated), cut = data.origin.some((o) => o.interrupted);
  by("warning").hidden = !emulated && !cut;
  by("warning").textContent = (emulated ? "The GPUs of this run were emulated by a CPU. Their times mean nothing, and nothing here was fitted to them. " : "") +
    (cut ? "The run was interrupted: what was not measured is missing." : "");
  document.title = data.origin.length ? `limen: ${data.origin.map((o) => o.host).join(", ")}` : "limen";
}

const controls = new Controls(by("controls"), state, changed);
origin();
by("figures").append(...live.map((f) => f.element));
if (fixed.length) by("figures").append(h("h2", {}, "What was measured"), ...fixed.map((f) => f.element));
fillTables(by("tables"), data.tables);
by("footer").append(h("p", {}, "Computed in this page by limen’s own model (C++, as WebAssembly). Nothing is loaded and nothing is sent. Tokens/s of a user: 1 / time per token. " +
  "Intervals are 90 %, of the calibrated figure. The ideal limit has every resource at its peak. Decoding without drafts; attention not replicated (dp 1)."),
  h("details", {}, h("summary", {}, "Licences of the software in this page"), h("pre", {}, by("licences").textContent)));
changed();
draw(fixed);
addEventListener("scroll", () => draw([]), {passive: true});
addEventListener("hashchange", () => {
  state.fromHash(location.hash);
  changed();
});
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  draw(figures);
});
addEventListener("beforeprint", () => { for (const f of figures) f.render(context); });
