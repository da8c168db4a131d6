// The C++ model (report/page/wasm/page_model.hpp) as functions over plain objects.

export const limits = ["memory bandwidth", "compute", "synchronization", "memory capacity"];
export const parts = ["linear", "experts", "attention", "apart"];
export const levers = [
  "memory bandwidth", "linear-layer efficiency", "attention efficiency", "matrix compute", "scalar compute",
  "unpacking of weights", "fixed times", "sync latency", "sync bandwidth", "batch", "context",
  "bytes of a weight", "bytes of the KV cache",
];

function bytesOf(base64) {
  const text = atob(base64);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) out[i] = text.charCodeAt(i);
  return out;
}

export class Model {
  constructor(base64) {
    const module = new WebAssembly.Module(bytesOf(base64));
    const {exports} = new WebAssembly.Instance(module, {
      wasi_snapshot_preview1: {proc_exit: () => { throw new Error("the model stopped"); }},
    });
    exports._initialize();
    this.c = exports;
    // As long as page_model.hpp says: a longer row is refused, not written over what follows.
    this.input = new Float64Array(exports.memory.buffer, exports.page_input(), 8192);
    this.output = new Float64Array(exports.memory.buffer, exports.page_output(), 65536);
    this.text = new Uint8Array(exports.memory.buffer, exports.page_text(), 256);
  }

  useMachine(slot, row) {
    this.input.set(row);
    this.c.page_machine(slot);
  }

  useModel(row) {
    this.input.set(row);
    this.c.page_transformer();
  }

  ask(s) {
    const f = s.factors;
    this.input.set([s.batch, s.context, s.weights, s.kv, s.experts, s.head, s.tp, s.pp, s.ep, 1,
      f.bandwidth, f.compute, f.latency, f.fixed, f.capacity]);
  }

  predict(slot, s) {
    this.ask(s);
    this.c.page_predict(slot);
    let i = 0;
    const next = () => this.output[i++];
    const rate = () => ({value: next(), low: next(), high: next(), ideal: next()});
    const p = {fits: next() === 1};
    p.utps = rate();
    p.stps = rate();
    p.step = {memory: next(), compute: next(), sync: next()};
    p.pieces = {linear: next(), experts: next(), attention: next(), apart: next(),
      exchanges: next(), fixed: next()};
    p.seconds = next();
    p.ideal = {memory: next(), compute: next(), sync: next(), seconds: next()};
    p.binding = next();
    p.next = next();
    p.factor = next();
    p.bindingIdeal = next();
    p.bytes = {held: next(), capacity: next(), weights: next(), sequence: next()};
    p.largestBatch = next();
    p.extrapolated = next() === 1;
    p.computeKnown = next() === 1;
    p.devices = next();
    p.latency = next();
    p.parts = parts.map((name) =>
      ({name, bytes: next(), flops: next(), memory: next(), compute: next()}));
    p.why = new TextDecoder().decode(this.text.subarray(0, this.text.indexOf(0)));
    p.calibrated = p.utps.low < p.utps.high;
    return p;
  }

  elasticities(slot, s) {
    this.ask(s);
    this.c.page_elasticities(slot);
    return levers.map((lever, i) =>
      ({lever, calibrated: this.output[i], ideal: this.output[i + levers.length]}));
  }

  // tokens/s of a user and binding limits over factors of bandwidth (columns) and latency (rows).
  map(slot, s, xs, ys) {
    this.ask(s);
    this.input.set(xs, 15);
    this.input.set(ys, 15 + xs.length);
    const n = this.c.page_map(slot, xs.length, ys.length) / 2;
    const utps = new Float64Array(n), binding = new Uint8Array(n);
    for (let i = 0; i < n; ++i) {
      utps[i] = this.output[2 * i];
      binding[i] = this.output[2 * i + 1];
    }
    return {utps, binding};
  }

  frontier(slot, s) {
    this.ask(s);
    const n = this.c.page_frontier(slot);
    const out = [];
    for (let i = 0; i < n; i += 7) {
      const [tp, pp, ep, batch, utps, stps, binding] = this.output.subarray(i, i + 7);
      out.push({tp, pp, ep, batch, utps, stps, binding});
    }
    return out;
  }
}
