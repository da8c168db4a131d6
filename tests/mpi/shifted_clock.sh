#!/bin/sh
# shifted_clock.sh MPIEXEC PROGRAM: two ranks, the second in a time namespace whose clock is 1000 s ahead.
if ! unshare -T --monotonic 1000 --fork true 2>/dev/null; then
  echo "skipped: time namespaces are not allowed here"
  exit 0
fi
export TEST_MPI_SHIFTED_SECONDS=1000
exec "$1" -np 1 --bind-to core "$2" : -np 1 unshare -T --monotonic 1000 --fork "$2"
