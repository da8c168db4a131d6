#!/usr/bin/env bash
# crowded.sh MPIRUN LIMEN: more ranks than cores. Every sample says so, also of the cases that leave ranks out, and
# calibration takes none.
set -euo pipefail
mpirun=$1 limen=$2
cores=$(nproc)
[ "$cores" -le 4 ] || { echo "skipped: a job for $cores cores is too large for a test"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
"$mpirun" --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 -np $((cores + 1)) "$limen" probe --quick -o "$work/run" \
  >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
python3 - "$work/run/samples.jsonl" <<'END'
import json, sys
visits = [r for r in map(json.loads, open(sys.argv[1])) if "visit" in r]
assert len({r["parameters"]["ranks"] for r in visits}) >= 2, "one number of ranks only"
for r in visits:
    marked = r["visit"].get("marks", {}).get("oversubscribed", [])
    assert len(marked) == len(r["visit"]["seconds"]), r
END
if "$limen" calibrate "$work/run" >"$work/log" 2>&1; then cat "$work/log"; echo "crowded ranks were calibrated"; exit 1; fi
grep -q 'nothing to calibrate from' "$work/log" || { cat "$work/log"; exit 1; }
echo passed
