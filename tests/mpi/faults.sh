#!/bin/sh
# faults.sh MPIRUN LIMEN DRIVER: what a user's own mpirun leaves when ranks hang or die, disks are full and jobs collide.
# The driver is a rank as limen is, whose rank 1 stops or kills itself when told to.
mpirun=$1 limen=$2 driver=$3
cd "$(mktemp -d)" || exit 1
trap 'rm -rf "$PWD"' EXIT
fail() { echo "FAILED: $*"; cat log; exit 1; }
says() { grep -q -- "$1" log || fail "nobody says '$1'"; }
two="$mpirun -np 2 --bind-to core"

# By name, with a summary, finished.
$two "$limen" probe mpi.barrier mpi.allgather --quick --budget 200ms -o run >out 2>log || fail "probe: $?"
test "$(cat out)" = run || fail "not the folder alone on stdout"
says "cases in"
says "mpi.allgather bytes=8 ranks=2: .* us from the last rank in to the last out, .* us between barriers"
grep -q '"finished": "20' run/run.json || fail "not finished"
grep -q '"ranks": 2' run/run.json || fail "the number of ranks"
grep -q mpi.allreduce run/samples.jsonl && fail "measured what was not asked for"
"$limen" show run >out 2>>log || fail "show"

# More ranks than cores are known to be so.
$mpirun -np 4 --oversubscribe "$limen" probe mpi.barrier --quick --budget 200ms -o crowd >out 2>log || fail "crowd: $?"
grep -q oversubscribed crowd/samples.jsonl || test "$(nproc)" -ge 4 || fail "not marked as oversubscribed"

# A rank that hangs: rank and host are named, the others end, what was measured stays and is told apart. That it was
# slow before, and said that it runs, proves nothing.
"$limen" probe mpi.barrier --verify -o hang >out 2>log || fail "hang: $?"
TEST_MPI_FAULT=stall $two "$driver" probe --mpi-rank --into hang --quick --rank-timeout 4s >out 2>log
code=$?
test $code -eq 1 || fail "a hanging rank ends the job with code $code"
says "limen: nothing got on for 4 s: rank 1 on $(uname -n) has stopped"
grep -q 'rank 1 on .* has stopped' hang/samples.jsonl || fail "no verdict"
"$limen" show hang >out 2>>log || fail "what was measured cannot be read"
test "$(grep -c '"visit"' hang/samples.jsonl)" -gt 2 || fail "nothing was kept"

# The same of rank 0, which can tell nobody: the others leave.
TEST_MPI_FAULT=stop TEST_MPI_FAULT_RANK=0 $two "$driver" probe --mpi-rank --into hang --quick --rank-timeout 2s >out 2>log
code=$?
test $code -eq 1 || fail "a hanging rank 0 ends the job with code $code"
says "limen: rank 1: nothing got on for . s, and rank 0 does not answer"

# A rank that is killed.
"$limen" probe mpi.barrier --verify -o dead >out 2>log || fail "dead: $?"
TEST_MPI_FAULT=kill $two "$driver" probe --mpi-rank --into dead --quick >out 2>log && fail "a killed rank is no failure"
"$limen" show dead >out 2>>log || fail "what was measured cannot be read"

# Unequal clocks: one rank lives 1000 s ahead (skipped where time namespaces are not allowed).
if unshare -T --monotonic 1000 --fork true 2>/dev/null; then
  rank="$limen probe mpi.barrier mpi.allreduce --quick --budget 500ms -o clock"
  $mpirun -np 1 --bind-to core $rank : -np 1 unshare -T --monotonic 1000 --fork $rank >out 2>log || fail "clock: $?"
  grep -Eq '"clock_error_seconds": [1-9]' clock/mpi-2.json || fail "the clocks were taken for one"
  "$limen" export --csv clock | awk -F, 'NR > 1 && $6 > 1 { wrong = 1 } END { exit wrong }' || fail "the offset is in the times"
fi

# A full disk at the writing node: named, with rank and host; nobody waits.
"$limen" probe mpi.barrier --verify -o full >out 2>log || fail "full: $?"
ln -sf /dev/full full/samples.jsonl
$two "$driver" probe --mpi-rank --into full --quick >out 2>log && fail "a full disk is no failure"
says "limen: rank 0 on $(uname -n): full/samples.jsonl: .*No space left on device"

# Two jobs in one folder, at once: one has it, the other says so and changes nothing.
job() { $two "$limen" probe mpi.barrier --quick --budget 500ms -o both >out$1 2>log$1; echo $? >code$1; }
job 1 & job 2 & wait
cat log1 log2 >log
test "$(sort code1 code2 | tr '\n' ' ')" = "0 2 " || fail "codes $(cat code1 code2)"
says "both: holds a run already"
"$limen" show both >out 2>>log || fail "the run of the first"
grep -q '"finished": "20' both/run.json || fail "the first did not finish"
exit 0
