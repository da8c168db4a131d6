#!/bin/sh
# modules_test.sh BUILD: the module files, where there is something that reads them.
set -eu
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/a prefix" > "$work/log"
files="$work/a prefix/share/limen/modulefiles"
version=$("$build/bin/limen" --version)
ran=no
modulecmd=$(command -v modulecmd || ls /usr/lib/*/modulecmd.tcl /usr/share/modules/libexec/modulecmd.tcl 2> /dev/null | head -1 || true)
if [ -n "$modulecmd" ]; then
  MODULEPATH=$files "$modulecmd" sh load "limen/$version" > "$work/environment" 2> "$work/err" || { cat "$work/err"; exit 1; }
  (set +u; . "$work/environment"; [ "$(command -v limen)" = "$work/a prefix/bin/limen" ])
  ran=yes
fi
if command -v lua > /dev/null; then
  cat > "$work/lmod.lua" <<'LUA'
local file = arg[1]
function myFileName() return file end
function help() end
function whatis(text) assert(text:find("limen")) end
function conflict(name) assert(name == "limen") end
function pathJoin(a, b) return a .. "/" .. b end
function prepend_path(name, value) print(name .. "=" .. value) end
dofile(file)
LUA
  lua "$work/lmod.lua" "$files/limen/$version.lua" > "$work/environment"
  grep -qxF "PATH=$work/a prefix/bin" "$work/environment"
  ran=yes
fi
[ $ran = yes ] || { echo "SKIPPED: neither modulecmd nor lua"; exit 77; }
