#!/bin/sh
# sweep.sh MPIRUN LIMEN: two ranks write what one process writes, byte by byte; go on with what was cut; reduce to the
# same; and end together when the disk is full.
set -e
mpirun=$1 limen=$2
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
grid="--model llama-3.1-8b,mixtral-8x7b --machine h100-8 --tp 1,8 --batch 1..100:25 --context 128..64k:400"
same() { cmp "$1" "$2" || { echo "$3 differ"; exit 1; }; }

$limen sweep $grid -o one.csv 2>log
$mpirun -np 2 --bind-to core $limen sweep $grid -o two.csv 2>log || { cat log; exit 1; }
same one.csv two.csv "rows"

head -c 3000000 one.csv >two.csv
$mpirun -np 2 --bind-to core $limen sweep $grid -o two.csv --resume 2>log || { cat log; exit 1; }
same one.csv two.csv "resumed rows"

for how in "--summary --json" "--top 5 --by stps --select fits"; do
  $limen sweep $grid $how >one
  $mpirun -np 2 --bind-to core $limen sweep $grid $how >two
  same one two "$how"
done

$mpirun -np 2 --bind-to core $limen sweep $grid -o /dev/full >out 2>log && { echo "a full disk is no error"; exit 1; }
grep -q "cannot write /dev/full: No space left on device" log || { cat log; exit 1; }
