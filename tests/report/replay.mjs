// node replay.mjs MODEL.wasm POINTS: plays what the native model was asked and compares every number, bit by bit.
import {readFileSync} from "node:fs";

const [wasm, points] = process.argv.slice(2);
const {exports: c} = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(wasm)), {wasi_snapshot_preview1: {proc_exit() { throw new Error("stopped"); }}});
c._initialize();
const input = new Float64Array(c.memory.buffer, c.page_input()), output = new Float64Array(c.memory.buffer, c.page_output());
const bits = new BigUint64Array(c.memory.buffer, c.page_output());
const bytes = readFileSync(points);
const script = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
const numbers = new Float64Array(script), expected = new BigUint64Array(script);

const names = ["machine", "transformer", "predict", "elasticities", "map", "frontier"];
const calls = [() => c.page_machine(0) ?? 0, () => c.page_transformer() ?? 0, () => c.page_predict(0), () => c.page_elasticities(0),
  (columns, rows) => c.page_map(0, columns, rows), () => c.page_frontier(0)];
// Numbers that functions of libm had a part in may differ in their last bits; all others may not.
// Elasticities hold a difference over 1e-5 (through(), model/routing.hpp), which magnifies those.
const tolerance = (call) => call === "elasticities" ? 1e-9 : 1e-13;
const exact = {compared: 0, different: 0}, close = {compared: 0, different: 0, worst: 0};
let first = "";
for (let i = 0; i < numbers.length;) {
  const [call, columns, rows, libm, n, m] = numbers.subarray(i, i + 6);
  input.set(numbers.subarray(i + 6, i + 6 + n));
  const got = calls[call](columns, rows);
  if (got !== m) throw new Error(`${names[call]} gives ${got} numbers, not ${m}`);
  for (let k = 0; k < m; ++k) {
    const at = i + 6 + n + k, kind = libm ? close : exact;
    ++kind.compared;
    if (bits[k] === expected[at] || (Number.isNaN(output[k]) && Number.isNaN(numbers[at]))) continue;
    ++kind.different;
    const error = Math.abs(output[k] - numbers[at]) / Math.abs(numbers[at]);
    close.worst = Math.max(close.worst, error);
    if (!libm || !(error <= tolerance(names[call]))) first ||= `${names[call]}[${k}]: ${output[k]} in WebAssembly, ${numbers[at]} natively`;
  }
  i += 6 + n + m;
}
console.log(`${exact.compared} numbers without libm: ${exact.different} differ in a bit; ${close.compared} with exp, log, log1p or lgamma: ${close.different} differ, relatively by ${close.worst.toExponential(1)} at most`);
if (first) console.log(first);
process.exit(first ? 1 : 0);
