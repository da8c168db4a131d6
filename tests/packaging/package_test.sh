#!/bin/sh
# package_test.sh BUILD: the .deb and the .tgz, unpacked elsewhere, and what Debian asks of the first.
set -eu
build=$1
command -v cpack > /dev/null || { echo "SKIPPED: no cpack"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
runs() {
  [ "$("$1" --version)" = "$("$build/bin/limen" --version)" ]
  "$1" predict --model llama-3.1-8b --machine h100-8 > "$work/there"
  "$build/bin/limen" predict --model llama-3.1-8b --machine h100-8 > "$work/here"
  cmp "$work/there" "$work/here"
}
cd "$work"
cpack --config "$build/CPackConfig.cmake" -G TGZ -B "$work/tgz" > log 2>&1 || { cat log; exit 1; }
mkdir tree && tar -xzf tgz/*.tar.gz -C tree --strip-components=1
runs "$work/tree/bin/limen"
command -v dpkg-shlibdeps > /dev/null || { echo "no dpkg-dev: the .deb is left out"; exit 0; }
cpack --config "$build/CPackConfig.cmake" -G DEB -B "$work/deb" > log 2>&1 || { cat log; exit 1; }
deb=$(ls deb/*.deb)
dpkg-deb -x "$deb" unpacked
runs "$work/unpacked/usr/bin/limen"
for field in Package Version Architecture Maintainer Depends Section Description; do
  value=$(dpkg-deb -f "$deb" $field)
  [ -n "$value" ] || { echo "no $field"; exit 1; }
  echo "$field: $value"
done
[ "$(dpkg-deb -f "$deb" Architecture)" = "$(dpkg --print-architecture)" ]
# Every library that the program needs is in a package that it depends on: a sample of both.
dpkg-deb -f "$deb" Depends | grep -q 'libc6 (>= '
dpkg-deb -f "$deb" Depends | grep -q 'libfmt'
for file in usr/share/man/man1/limen.1.gz usr/share/doc/limen/copyright usr/share/bash-completion/completions/limen; do
  [ -s "unpacked/$file" ] || { echo "no $file"; exit 1; }
done
if command -v lintian > /dev/null; then
  # The suppressed one is for whoever uploads to Debian.
  lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs --tag-display-limit 0 "$deb"
else
  echo "no lintian here: the package was not held against it"
fi
