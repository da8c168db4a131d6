#!/usr/bin/env bash
# cgroup.sh MPIRUN LIMEN: real control groups that limit CPUs and memory; limen keeps to them, and says so. Version 1 or
# 2, whichever this process may use; exit code 77 if neither.
set -euo pipefail
mpirun=$1 limen=$2
skip() { echo "skipped: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "only root makes control groups"
[ "$(nproc)" -ge 2 ] || skip "one core only"
work=$(mktemp -d)
groups=()
end() {
  for group in "${groups[@]}"; do rmdir "$group" 2>/dev/null || true; done
  rm -rf "$work"
}
trap end EXIT
fail() { echo "FAILED: $*" >&2; cat "$work/log" >&2; exit 1; }

root=/sys/fs/cgroup
version=0
[ -d $root/cpu ] && [ -d $root/memory ] && [ -d $root/cpuset ] && version=1
[ -e $root/cgroup.subtree_control ] && grep -qw cpu $root/cgroup.subtree_control &&
  grep -qw memory $root/cgroup.subtree_control && grep -qw cpuset $root/cgroup.subtree_control && version=2
[ $version != 0 ] || skip "no control groups for CPUs and memory"
make_group() { # CONTROLLER: prints the folder
  local above=$root
  if [ $version = 1 ]; then above=$root/$1$(grep -E "^[0-9]+:([^:]*,)?$1[,:]" /proc/self/cgroup | cut -d : -f 3); fi
  mkdir "$above/limen-test-$$-$1" 2>/dev/null && echo "$above/limen-test-$$-$1"
}
inside() { # GROUP COMMAND...
  local group=$1; shift
  sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@" >"$work/log" 2>&1
}
fact() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["provenance"][sys.argv[2]])' "$work/$1/run.json" "$2"; }
probe() { echo "$limen" probe memory.stream compute.fma --quick --budget 200ms -o "$work/$1"; }

# A quota of one and a half CPUs: one thread, and --strict refuses.
cpu=$(make_group cpu) || skip "control groups cannot be made here"
groups+=("$cpu")
if [ $version = 1 ]; then
  echo 100000 >"$cpu/cpu.cfs_period_us"; echo 150000 >"$cpu/cpu.cfs_quota_us"
else
  echo "150000 100000" >"$cpu/cpu.max"
fi
inside "$cpu" $(probe quota) || fail "limen failed under a quota of CPUs"
[ "$(fact quota cpu_limit)" = 1.5 ] || fail "the quota is $(fact quota cpu_limit), not 1.5"
grep -q '"threads":2' "$work/quota/samples.jsonl" && fail "two threads were used within a quota of 1.5 CPUs"
inside "$cpu" "$limen" run --strict --quick -o "$work/strict" && fail "--strict took a quota for a fit machine"
grep -Eq 'load is|allows 1.50 CPUs' "$work/log" || fail "--strict does not say why"
# Two ranks share it, and every sample says so.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
inside "$cpu" "$mpirun" -np 2 --bind-to core "$limen" probe --quick -o "$work/ranks" || fail "ranks failed under a quota of CPUs"
python3 - "$work/ranks/samples.jsonl" <<'END' || fail "ranks that share a CPU are not marked"
import json, sys
visits = [r["visit"] for r in map(json.loads, open(sys.argv[1])) if "visit" in r]
assert visits and all(len(v.get("marks", {}).get("oversubscribed", [])) == len(v["seconds"]) for v in visits)
END

# One CPU of several.
set_of=$(make_group cpuset) || skip "control groups cannot be made here"
groups+=("$set_of")
last=$(taskset -cp $$ | sed 's/.*[-,: ]//')
[ $version = 2 ] || cat "$(dirname "$set_of")/cpuset.mems" >"$set_of/cpuset.mems"
echo "$last" >"$set_of/cpuset.cpus"
inside "$set_of" $(probe set) || fail "limen failed on one CPU"
[ "$(fact set processing_units)" = "[$last]" ] || fail "used $(fact set processing_units), not [$last]"

# 400 MiB: limen takes less, instead of being killed. 40 MiB are too little, and it says so.
memory=$(make_group memory) || skip "control groups cannot be made here"
groups+=("$memory")
limit=$memory/$([ $version = 1 ] && echo memory.limit_in_bytes || echo memory.max)
echo $((400 << 20)) >"$limit"
inside "$memory" $(probe memory) || fail "limen failed with 400 MiB"
[ "$(fact memory memory_limit_bytes)" = $((400 << 20)) ] || fail "the limit is $(fact memory memory_limit_bytes)"
grep -q '"kernel":"read"' "$work/memory/samples.jsonl" || fail "memory was not measured"
echo $((40 << 20)) >"$limit"
code=0
inside "$memory" $(probe little) || code=$?
[ $code = 3 ] && grep -q 'too little memory is free' "$work/log" || fail "exit code $code with 40 MiB"
echo "passed with control groups of version $version"
