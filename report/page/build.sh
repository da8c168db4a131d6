#!/usr/bin/env bash
# Builds what the program embeds: built/model.wasm (needs emcc) and built/page.html (needs npm). Another folder can be named.
# Only who changes the page needs this: what it makes is committed.   ./build.sh [wasm|page|all] [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
what=${1:-all}
out=$(mkdir -p "${2:-$here/built}" && cd "${2:-$here/built}" && pwd)

if [ "$what" != page ]; then
  functions=$(grep -o 'page_[a-z]*(' "$here/wasm/page_model.hpp" | tr -d '(' | sort -u | sed 's/^/_/' | paste -sd, -)
  emcc -std=c++20 -Oz -fno-exceptions -fno-rtti -ffp-contract=off -I"$here/../.." "$here/wasm/page_model.cpp" -o "$out/model.wasm" \
    --no-entry -sSTANDALONE_WASM=1 -sFILESYSTEM=0 -sMALLOC=emmalloc -sINITIAL_MEMORY=4194304 -sTOTAL_STACK=262144 \
    -sEXPORTED_FUNCTIONS="$functions"
  chmod -x "$out/model.wasm"
  emcc --version | sed -n "1s/[^0-9]*\([0-9.]*\).*/\1/p" > "$out/emcc-version.txt"
fi
if [ "$what" != wasm ]; then
  [ -d "$here/node_modules" ] || (cd "$here" && npm ci --ignore-scripts --no-audit --no-fund)
  wasm=$out/model.wasm
  [ -f "$wasm" ] || wasm=$here/built/model.wasm
  node "$here/bundle.mjs" "$wasm" "$out/page.html"
fi
