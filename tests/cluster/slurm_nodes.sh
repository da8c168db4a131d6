#!/usr/bin/env bash
# slurm_nodes.sh LIMEN: a Slurm of two nodes, each a network namespace with a host name and a CPU of its own, runs what
# `limen slurm` prints. A node fails in the middle of the collectives: Slurm queues the job again, and it goes on. Also the
# script without PMIx, and an array. Exit code 77 where that cannot be.
set -euo pipefail
limen=$1
. "$(dirname "$0")/slurm_common.sh"
command -v ip >/dev/null || skip "no ip here"
tag=limen$$
spaces=("$tag-control" "$tag-n1" "$tag-n2")
end() {
  for space in "${spaces[@]}"; do
    for pid in $(ip netns pids "$space" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null || true; done
    ip netns del "$space" 2>/dev/null || true
  done
  end_daemons
}
trap end EXIT
ip netns add "$tag-control" 2>/dev/null || skip "network namespaces are not allowed here"
unshare --uts true 2>/dev/null || skip "host names of one's own are not allowed here"
inside() { nsenter --net="/var/run/netns/$tag-$1" "${@:2}"; } # not `ip netns exec`, which would hide control groups
for program in sbatch squeue sinfo scontrol; do eval "$program() { inside control $program \"\$@\"; }"; done

ip -n "$tag-control" link set lo up
ip -n "$tag-control" link add br0 type bridge
ip -n "$tag-control" link set br0 up
ip -n "$tag-control" addr add 10.79.0.254/24 dev br0
mknod "$work/gpu0" c 1 3 && mknod "$work/gpu1" c 1 3 || skip "device files are not allowed here"
echo "Name=gpu File=$work/gpu[0-1]" >"$work/gres.conf"
cat >>"$SLURM_CONF" <<END
SlurmctldHost=control(10.79.0.254)
TaskPlugin=task/none
MpiDefault=pmix
KillWait=2
GresTypes=gpu
END
for i in 1 2; do
  ip netns add "$tag-n$i"
  ip link add eth0 netns "$tag-n$i" type veth peer name "p$i" netns "$tag-control"
  ip -n "$tag-control" link set "p$i" master br0 up
  ip -n "$tag-n$i" addr add "10.79.0.$i/24" dev eth0
  ip -n "$tag-n$i" link set lo up
  ip -n "$tag-n$i" link set eth0 up
  mkdir "$work/spool-n$i" "$work/tmp-n$i"
  echo "NodeName=n$i NodeAddr=10.79.0.$i CPUs=1 RealMemory=2000 Gres=gpu:2" >>"$SLURM_CONF"
done
daemon slurmctld nsenter --net="/var/run/netns/$tag-control" unshare --uts sh -c 'hostname control; exec slurmctld -D'
for i in 1 2; do # all that a node starts keeps to its CPU
  daemon "slurmd-n$i" nsenter --net="/var/run/netns/$tag-n$i" taskset -c $((i - 1)) unshare --uts \
    sh -c "hostname n$i; exec slurmd -D -N n$i"
done
idle() { [ "$(sinfo --noheader -o '%T %D')" = "idle 2" ]; }
within 30 idle || fail "Slurm did not start: $(sinfo -N -o '%N %T %E')"

# Two nodes with two GPUs each, of which there are none: noted, and no failure. A rank for each would need two CPUs.
cd "$work/out"
"$limen" slurm --quick --budget 1s --nodes 2 --gpus 2 --ranks-per-node 1 --time 5min --grace 1min >job.sh
job=$(sbatch --parsable job.sh "$work/out/results")
scontrol show job "$job" | grep -q 'gres:gpu:2' || fail "Slurm knows nothing of the GPUs that were asked for"
lines() { cat "$work"/out/results/network-*/samples.jsonl 2>/dev/null | wc -l; }
measuring() { [ "$(lines)" -ge 10 ]; }
within 60 measuring || fail "no collective was measured"
scontrol update NodeName=n2 State=DOWN Reason=test # the job is killed on both, and queued again
queued() { [ "$(squeue --noheader -o %T --jobs="$job")" = PENDING ]; }
within 30 queued || fail "the job was not queued again"
cp results/network-*/samples.jsonl before.jsonl
cp results/nodes/n2/samples.jsonl node-before.jsonl
scontrol update NodeName=n2 State=RESUME 2>/dev/null || true # it may have come back by itself
scontrol update job="$job" StartTime=now # else Slurm lets two minutes pass
within 90 gone "$job" || fail "the job did not end"
[ ! -e "results/missing.$job" ] || fail "something is missing: $(cat "results/missing.$job")"
cat >check.py <<'END'
import glob, json, statistics
def text(name): return open(name).read()
def run(folder): return json.loads(text(folder + "/run.json"))["provenance"]
for name in ("n1", "n2"):
    node = run("results/nodes/" + name)
    assert node["host"] == name and len(node["processing_units"]) == 1 and len(node["resumed"]) == 1, node
    assert any("no GPU" in note for note in node["gpu_notes"]), node
now, then = text("results/nodes/n2/samples.jsonl"), text("node-before.jsonl")
assert now.startswith(then) and '"visit"' not in now[len(then):], "a node that was done was measured again"
(network,) = glob.glob("results/network-*")
job, samples, before = run(network), text(network + "/samples.jsonl"), text("before.jsonl")
assert (job["ranks"], job["hosts"], job["launcher"]) == (2, 2, "srun") and job["finished"] and not job["interrupted"], job
assert len(job["resumed"]) == 1 and job["node_hosts"] == ["n1", "n2"], job
before = before[:before.rfind("\n") + 1]  # a kill may have cut the last line
assert samples.startswith(before), "samples from before the failure were changed"
cases = {r["probe"] for r in map(json.loads, samples.splitlines()) if r["parameters"].get("nodes") == 2 and "visit" in r}
assert {"mpi.allreduce", "mpi.pingpong", "mpi.alltoall"} <= cases, cases
def least(probe):  # as calibration takes them: without the samples that something disturbed
    values = [(r["parameters"]["bytes"], s) for r in map(json.loads, samples.splitlines()) if r["probe"] == probe and "visit" in r
              and "timing" not in r["parameters"] for i, s in enumerate(r["visit"]["seconds"])
              if not any(i in marked for marked in r["visit"].get("marks", {}).values())]
    of_least = [s for bytes, s in values if bytes == min(values)[0]]
    return statistics.median(of_least) if len(of_least) >= 10 else None
# A broadcast is no faster than a message: a root that runs ahead of the others would make it seem to be.
broadcast, message = least("mpi.broadcast"), least("mpi.pingpong")
if broadcast is None or message is None:
    print("other work disturbed what a broadcast is held against")
else:
    assert broadcast > message / 4, (broadcast, message)
machine = text("results/machine.toml")
assert "devices = 2" in machine and "\nnet = " in machine, machine
assert ": 2 nodes" in text("results/report.txt")
fleet = json.loads(text("results/fleet.json"))
assert [n["host"] for n in fleet["groups"][0]["nodes"]] == ["n1", "n2"], fleet["groups"][0]["nodes"]
END
python3 check.py || fail "the results are not what they should be"

# A Slurm without PMIx: the script starts its ranks by mpirun.
mkdir "$work/plugins"
plugins=$(scontrol show config | sed -n 's/^PluginDir *= //p')
for plugin in "$plugins"/*; do case $plugin in */mpi_pmix*) ;; *) ln -s "$plugin" "$work/plugins" ;; esac; done
sed "s|^MpiDefault=.*|MpiDefault=none\nPluginDir=$work/plugins|" "$SLURM_CONF" >"$work/without-pmix.conf"
sed "/^results=/i export SLURM_CONF=$work/without-pmix.conf" job.sh >without-pmix.sh
second=$(sbatch --parsable without-pmix.sh "$work/out/results")
within 90 gone "$second" || fail "the job without PMIx did not end"
[ ! -e "results/missing.$second" ] || fail "something is missing: $(cat "results/missing.$second")"
python3 - <<'END' || fail "mpirun did not start the ranks, or not on both nodes"
import glob, json
(network,) = glob.glob("results/network-*/run.json")
job = json.load(open(network))["provenance"]
assert (job["ranks"], job["hosts"], job["launcher"]) == (2, 2, "mpirun") and job["finished"], job
END

# An array: tasks for single nodes, which find them done.
"$limen" slurm --quick --budget 1s --array 3 --time 5min >array.sh
bash -n array.sh
array=$(sbatch --parsable array.sh "$work/out/results")
within 90 gone "$array" || fail "the array did not end"
[ -z "$(ls results/missing.* 2>/dev/null)" ] || fail "the array left something out"
[ "$(ls limen-"$array"_[012].log | wc -l)" = 3 ] || fail "the array is not of three tasks"
# Slurm may have given all of them to one node.
for report in results/nodes/n?/report.html; do
  [ -s "$report" ] && [ -s "$(dirname "$report")/machine.toml" ] || fail "the array wrote no report"
done
echo "passed in $SECONDS s"
