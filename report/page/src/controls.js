// Selectors and sliders. Each is a native control, so that the keyboard works as everywhere.
import {h} from "./dom.js";
import {count, si, times, tokens} from "./format.js";
import {parametersOf} from "./machine.js";
import {factorNames, factorRange} from "./state.js";

const factorLabel = {bandwidth: "memory bandwidth", compute: "compute", latency: "sync latency", fixed: "fixed overheads", capacity: "memory capacity"};

export class Controls {
  constructor(form, state, changed) {
    this.state = state;
    this.sync = [];  // each brings its control up to what the state says
    const change = (apply) => {
      apply();
      state.settle();
      this.update();
      changed();
    };

    const select = (label, groups, get, set) => {
      const element = h("select", {name: label, onchange: () => change(() => set(element.value))});
      for (const [name, options] of groups) {
        const parent = name ? element.appendChild(h("optgroup", {label: name})) : element;
        for (const [value, text] of options) parent.append(h("option", {value}, text));
      }
      this.sync.push(() => { element.value = get(); });
      return h("label", {}, label, element);
    };
    const slider = (label, range, get, set, show) => {
      const output = h("output");
      const element = h("input", {type: "range", name: label, min: range[0], max: range[1], step: range[2], oninput: () => change(() => set(Number(element.value)))});
      this.sync.push(() => {
        element.value = get();
        output.replaceChildren(...show());
        element.setAttribute("aria-valuetext", output.textContent);
      });
      return h("label", {}, label, output, element);
    };
    // A slider over the powers of two that are possible now.
    const stepper = (label, what) => {
      const output = h("output");
      const element = h("input", {type: "range", name: label, min: 0, step: 1, oninput: () => change(() => { state[what] = state.choices(what)[Number(element.value)]; })});
      this.sync.push(() => {
        const choices = state.choices(what);
        element.max = choices.length - 1;
        element.disabled = choices.length === 1;
        element.value = choices.indexOf(state[what]);
        output.replaceChildren(h("b", {}, String(state[what])));
        element.setAttribute("aria-valuetext", String(state[what]));
      });
      return h("label", {}, label, output, element);
    };

    const {machines, models, formats, weight_formats, kv_formats} = state.data;
    const groups = new Map();
    machines.forEach((m, i) => groups.set(m.group, [...(groups.get(m.group) ?? []), [String(i), m.name]]));
    const named = () => parametersOf(state.A, state.data);
    const value = (key, unit, factor) => named()[key] ? si(named()[key].value * factor, unit) : null;
    const compute = () => {
      const own = formats[state.weights].family;
      const names = ["fp32", "bf16", "fp8", "int8", "int4", "fp4"];
      return value("compute." + names[own], "FLOP/s", state.factors.compute) ?? value("compute.bf16", "FLOP/s", state.factors.compute);
    };
    const absolute = {
      bandwidth: () => value("memory.bandwidth", "B/s", state.factors.bandwidth),
      compute,
      latency: () => this.latency > 0 ? si(this.latency, "s") : null,
      fixed: () => null,
      capacity: () => value("memory.capacity", "B", state.factors.capacity),
    };
    const factor = (name) => slider(factorLabel[name], [...factorRange[name], 0.125], () => Math.log2(state.factors[name]), (v) => { state.factors[name] = 2 ** v; }, () => {
      const text = absolute[name](), f = state.factors[name];
      return [...(text ? [text + " "] : []), ...(f === 1 ? (text ? [] : ["as it is"]) : [h("b", {}, times(f))])];
    });
    const power = (label, key, [least, most, step], show) => slider(label, [least, most, step], () => Math.log2(state[key]), (v) => { state[key] = Math.round(2 ** v); }, () => [h("b", {}, show(state[key]))]);

    const copied = h("button", {type: "button", onclick: async () => {
      try {
        await navigator.clipboard.writeText(location.href);
        copied.textContent = "Copied";
      } catch {
        copied.textContent = "It is in the address bar";
      }
      setTimeout(() => { copied.textContent = "Copy link"; }, 1500);
    }}, "Copy link");

    form.addEventListener("submit", (e) => e.preventDefault());
    const panel = h("details", {open: innerWidth > 760}, h("summary", {}, "What if"),
      h("h2", {}, "Machine"),
      select("machine", [...groups], () => String(state.machine), (v) => { state.machine = Number(v); }),
      select("beside it", [["", [["-1", "nothing"]]], ...groups], () => String(state.other), (v) => { state.other = Number(v); }),
      h("h2", {}, "Model"),
      select("model", [["", models.map((m, i) => [String(i), m.name])]], () => String(state.model), (v) => { state.model = Number(v); }),
      h("div", {className: "pair"},
        select("weights", [["", [["native", "as published"], ...weight_formats.map((f) => [formats[f].name, formats[f].name])]]], () => state.weightsName, (v) => { state.weightsName = v; }),
        select("KV cache", [["", kv_formats.map((f) => [formats[f].name, formats[f].name])]], () => state.kvName, (v) => { state.kvName = v; })),
      h("h2", {}, "Workload"),
      power("context", "context", [7, 20, 0.5], (v) => tokens(v) + " tokens"),
      power("batch", "batch", [0, 12, 1], count),
      stepper("TP", "tp"), stepper("PP", "pp"), stepper("EP", "ep"),
      h("h2", {}, "What if it were better"),
      ...factorNames.map(factor),
      h("div", {className: "buttons"},
        h("button", {type: "button", onclick: () => change(() => state.resetFactors())}, "As it is"),
        h("button", {type: "button", onclick: () => change(() => state.reset())}, "Reset all"), copied));
    form.append(panel);
  }

  update() {
    for (const f of this.sync) f();
  }

  // Figures beside the sliders that only a prediction knows.
  show(latency) {
    this.latency = latency;
    this.update();
  }
}
