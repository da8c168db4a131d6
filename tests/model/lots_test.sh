#!/bin/sh
# lots_test.sh NM OBJECT...: of these, the objects lot_avx* are compiled for newer processors, and define no function
# that other files have, too. The linker would take either for all of them, and an older processor might meet
# instructions that it lacks.
nm=$1
shift
for object in "$@"; do
  case $object in *lot_avx*) ;; *) continue ;; esac
  shared=$("$nm" -C --defined-only "$object" | grep -E ' [TW] ' | grep -vE 'evaluate_lot_avx|LotOf<|Lanes<') && {
    echo "$object: $shared"
    exit 1
  }
done
exit 0
