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

const words = {m: "measured", f: "fitted", p: "pooled", d: "datasheet", u: "unverified", h: "hypothetical"};

// The kinds of evidence that a machine's parameters are of, the firmest first.
export const evidenceOf = (machine) => Object.keys(words).filter((letter) => machine.evidence.includes(letter)).map((letter) => words[letter]).join(", ");
