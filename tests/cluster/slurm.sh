#!/usr/bin/env bash
# slurm.sh LIMEN: a Slurm of one node, of its own, runs what `limen slurm` prints; it is told to end, submitted again and
# goes on. Also what limen sees under srun. Exit code 77 where that cannot be.
set -euo pipefail
limen=$1
. "$(dirname "$0")/slurm_common.sh"
end() {
  scancel --quiet --user=root 2>/dev/null || true
  for _ in $(seq 50); do [ -n "$(squeue --noheader 2>/dev/null)" ] || break; sleep 0.1; done
  end_daemons
}
trap end EXIT
read -r control node < <(python3 -c '
import socket
s = [socket.socket() for _ in "ab"]
[x.bind(("127.0.0.1", 0)) for x in s]
print(*(x.getsockname()[1] for x in s))')
host=$(hostname -s)
mkdir "$work/spool-$host" "$work/tmp-$host"
cat >>"$SLURM_CONF" <<END
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$control
SlurmdPort=$node
TaskPlugin=task/affinity
MpiDefault=pmix
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus Sockets=1 CoresPerSocket=$cpus ThreadsPerCore=1 RealMemory=2000
END
daemon slurmctld slurmctld -D -f "$SLURM_CONF"
daemon slurmd slurmd -D -f "$SLURM_CONF" -N "$host"
idle() { [ "$(sinfo --noheader -o %T)" = idle ]; }
within 30 idle || fail "Slurm did not start"

cd "$work/out"
"$limen" slurm --quick --budget 3s --ranks-per-node 2 --time 5min --grace 1min >job.sh
bash -n job.sh

# Told to end in its first step, as Slurm does before the time limit: what it has is kept, what is missing is named.
first=$(sbatch --parsable job.sh "$work/out/results")
samples=$work/out/results/nodes/$(hostname)/samples.jsonl
begun() { [ "$(wc -l <"$samples")" -ge 5 ]; }
within 60 begun || fail "nothing was measured"
scancel --batch --signal=TERM "$first"
within 60 gone "$first" || fail "the job did not end"
grep -q '"interrupted": true' "$(dirname "$samples")/run.json" || fail "the run does not say that it was interrupted"
grep -q 'was interrupted' "results/missing.$first" && grep -q 'network was not measured' "results/missing.$first" ||
  fail "nobody says what is missing"
[ -z "$(ls -d results/network-* 2>/dev/null)" ] || fail "a step was begun after the signal"
cp "$samples" before.jsonl
# Submitted again, it goes on: the samples are kept, and no case that had ended is measured again.
second=$(sbatch --parsable job.sh "$work/out/results")
within 120 gone "$second" || fail "the second job did not end"
[ ! -e "results/missing.$second" ] || fail "something is missing: $(cat "results/missing.$second")"
python3 - "$samples" before.jsonl "$work"/out/results <<'END' || fail "the results are not what they should be"
import glob, json, sys
samples, before, results = sys.argv[1:]
text, old = open(samples).read(), open(before).read()
assert text.startswith(old), "samples of the first job were changed"
def of(lines):
    for line in lines.splitlines():
        r = json.loads(line)
        yield (r["probe"], json.dumps(r["parameters"])), r
ended = {case for case, r in of(old) if r.get("verdict", {}).get("stop") not in (None, "interrupted")}
again = {case for case, r in of(text[len(old):]) if "visit" in r}
assert not ended & again, "measured again: %s" % (ended & again)
run = json.load(open(samples.replace("samples.jsonl", "run.json")))["provenance"]
assert run["finished"] and not run["interrupted"] and len(run["resumed"]) == 1, run
(network,) = glob.glob(results + "/network-*/run.json")
job = json.load(open(network))["provenance"]
assert (job["ranks"], job["hosts"], job["launcher"]) == (2, 1, "srun") and job["finished"], job
machine = open(results + "/machine.toml").read()
for key in ("[memory", "efficiency", "ranks = 2"):
    assert key in machine, "no %s in machine.toml" % key
page = open(results + "/report.html").read()
assert "mpi.allreduce" in page and "memory.stream" in page
assert "tokens/s" in open(results + "/report.txt").read()
END

# Ranks that cannot find each other are refused, in one line.
srun --quiet --mpi=none --ntasks=2 "$limen" probe --quick -o "$work/out/singletons" >log 2>&1 && fail "singletons were accepted"
[ "$(grep -c 'limen: srun started 2 processes without PMIx' log)" = 1 ] || { cat log; fail "singletons are not named"; }
# One CPU of several: limen keeps to it.
srun --quiet --mpi=none --ntasks=1 --cpus-per-task=1 --exact "$limen" probe compute.fma --quick --budget 50ms \
  -o "$work/out/one" >log 2>&1 || { cat log; fail "limen failed on one CPU"; }
python3 -c '
import json, sys
run = json.load(open(sys.argv[1]))["provenance"]
assert len(run["processing_units"]) == 1, run' "$work/out/one/run.json" || fail "limen used more CPUs than it was given"
echo "passed in $SECONDS s"
