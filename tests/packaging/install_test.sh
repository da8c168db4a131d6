#!/bin/sh
# install_test.sh BUILD SOURCE CXX: the install tree, and a project that finds limen in it.
set -eu
build=$1 source=$2 cxx=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" > "$work/log"
"$work/prefix/bin/limen" --version
if grep -rnF -e "$source" -e "$build" "$work/prefix" --include=*.cmake; then
  echo "the package names folders of the build"
  exit 1
fi
cmake -S "$source/tests/packaging/consumer" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_BUILD_TYPE=Release > "$work/log" || { cat "$work/log"; exit 1; }
cmake --build "$work/consumer" > "$work/log" || { cat "$work/log"; exit 1; }
theirs=$("$work/consumer/consumer")
ours=$("$work/prefix/bin/limen" predict --model llama-3.1-8b --machine h100-8 --json |
  sed -n 's/.*"utps_ideal": \([0-9.e+-]*\),.*/\1/p')
echo "consumer $theirs, limen $ours"
awk -v a="$theirs" -v b="$ours" 'BEGIN { exit !(b > 0 && a / b > 1 - 1e-8 && a / b < 1 + 1e-8) }'
# A version that is not compatible is refused.
cp -r "$source/tests/packaging/consumer" "$work/asked"
sed -i 's/limen 0.1 /limen 9.9 /' "$work/asked/CMakeLists.txt"
if cmake -S "$work/asked" -B "$work/other" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$cxx" > "$work/log" 2>&1; then
  echo "version 9.9 was found"
  exit 1
fi
grep -q 'version: 0.1' "$work/log" || { cat "$work/log"; exit 1; }
