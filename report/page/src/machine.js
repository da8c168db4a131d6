// Named parameters out of a machine's row (report/page/wasm/flat.hpp).

export function parametersOf(machine, {keys, row_head: before}) {
  if (!machine.named) {
    const named = {}, row = machine.row;
    for (let i = 0, at = before + 1; i < row[before]; ++i, at += 4)
      named[keys[row[at]]] = {value: row[at + 1], low: row[at + 2], high: row[at + 3], evidence: machine.evidence[i]};
    machine.named = named;
  }
  return machine.named;
}

const words = {m: "measured", f: "fitted", p: "pooled from relatives", d: "datasheet", h: "hypothetical"};
export const evidenceWord = (letter) => words[letter] ?? "";
