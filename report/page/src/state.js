// What the reader has chosen: its defaults, its limits, and its form in the address after '#'.

export const factorNames = ["bandwidth", "compute", "latency", "fixed", "capacity"];
// Powers of two that a factor may have: least and most.
export const factorRange = {bandwidth: [-3, 6], compute: [-3, 6], latency: [-8, 4], fixed: [-6, 4], capacity: [-3, 6]};

export const powers = (most) => {
  const out = [];
  for (let n = 1; n <= most; n *= 2) out.push(n);
  return out;
};

export class State {
  constructor(data) {
    this.data = data;
    this.reset();
  }

  reset() {
    const {first, machines, models} = this.data;
    const place = (list, name) => Math.max(0, list.findIndex((x) => x.name === name));
    this.machine = place(machines, first.machine);
    this.other = -1;
    this.model = place(models, first.model);
    this.weightsName = first.weights;
    this.kvName = first.kv;
    this.context = first.context;
    this.batch = first.batch;
    this.tp = first.tp;
    this.pp = 1;
    this.ep = 1;
    this.resetFactors();
    this.settle();
  }

  resetFactors() {
    this.factors = Object.fromEntries(factorNames.map((n) => [n, 1]));
  }

  get A() { return this.data.machines[this.machine]; }
  get B() { return this.other < 0 ? null : this.data.machines[this.other]; }
  get M() { return this.data.models[this.model]; }

  choices(what) {
    const ranks = this.A.devices * this.A.ranks_per_device;
    if (what === "tp") return powers(Math.min(ranks, 4096));
    if (what === "pp") return powers(Math.min(ranks / this.tp, this.M.layers, 64));
    return this.M.experts ? powers(this.tp) : [1];
  }

  // Brings what was chosen within what is possible, and formats into numbers.
  settle() {
    for (const what of ["tp", "pp", "ep"]) {
      const most = this.choices(what).at(-1);
      if (this[what] > most) this[what] = most;
    }
    const {formats, weight_formats: ws, kv_formats: ks} = this.data;
    const named = (name, list, otherwise) => list.find((f) => formats[f].name === name) ?? otherwise;
    if (this.weightsName === "native" && this.M.native) {
      [this.weights, this.experts, this.head] = this.M.native;
    } else {
      this.weights = this.experts = this.head = named(this.weightsName, ws, ws[1]);
      this.weightsName = formats[this.weights].name;
    }
    this.kv = named(this.kvName, ks, ks[1]);
    this.kvName = formats[this.kv].name;
  }

  // The same with something else in it.
  with(changes) {
    return Object.assign(Object.create(this), changes);
  }

  toHash() {
    const q = new URLSearchParams({machine: this.A.name, model: this.M.name, weights: this.weightsName,
      kv: this.kvName, context: this.context, batch: this.batch, tp: this.tp, pp: this.pp, ep: this.ep});
    if (this.B) q.set("beside", this.B.name);
    for (const n of factorNames) if (this.factors[n] !== 1) q.set(n, this.factors[n]);
    return "#" + q;
  }

  // Only what is known and possible is taken; the rest stays as it is.
  fromHash(hash) {
    const q = new URLSearchParams(hash.replace(/^#/, ""));
    const place = (list, key, otherwise) => {
      const i = list.findIndex((x) => x.name === q.get(key));
      return i < 0 ? otherwise : i;
    };
    this.machine = place(this.data.machines, "machine", this.machine);
    this.other = place(this.data.machines, "beside", -1);
    this.model = place(this.data.models, "model", this.model);
    this.weightsName = q.get("weights") ?? this.weightsName;
    this.kvName = q.get("kv") ?? this.kvName;
    const whole = (key, most) => {
      const v = Number(q.get(key));
      if (Number.isInteger(v) && v >= 1 && v <= most) this[key] = v;
    };
    whole("context", 2 ** 24);
    whole("batch", 2 ** 20);
    for (const key of ["tp", "pp", "ep"]) {
      const before = this[key];
      whole(key, 4096);
      if (!Number.isInteger(Math.log2(this[key]))) this[key] = before;
    }
    for (const n of factorNames) {
      const v = Number(q.get(n));
      const [least, most] = factorRange[n];
      if (q.has(n) && v >= 2 ** least && v <= 2 ** most) this.factors[n] = v;
    }
    this.settle();
  }
}
