#!/bin/sh
# man_test.sh LIMEN: the manual page names every subcommand and every option that --help does, and pleases what reads it.
set -eu
limen=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$limen" generate man --date 2026-11-24 > "$work/limen.1"
sed 's/\\-/-/g' "$work/limen.1" > "$work/text"
commands=$("$limen" --help | sed -n '/^Subcommands:/,$ s/^  \([a-z][a-z-]*\).*/\1/p')
[ "$(echo "$commands" | wc -w)" -gt 15 ] || { echo "only these subcommands: $commands"; exit 1; }
kinds=$("$limen" plot --help | sed -n '/^Subcommands:/,$ s/^  \([a-z][a-z-]*\).*/plot \1/p')
[ -n "$kinds" ] || { echo "plot has no kinds"; exit 1; }
printf '%s\n' "$commands" "$kinds" > "$work/commands"
while read -r command; do
  sed -n "/^\.SS $command\$/,/^\.S[SH] /p" "$work/text" > "$work/section"
  [ -s "$work/section" ] || { echo "the page lacks '$command'"; exit 1; }
  for option in $("$limen" $command --help | grep -oE '^ +-[^ ]+' | tr ',' ' '); do
    grep -qF -e "\\fB$option\\fR" "$work/section" || { echo "'$command' lacks $option"; exit 1; }
  done
done < "$work/commands"
if command -v mandoc > /dev/null; then
  mandoc -Tlint -Wwarning "$work/limen.1"
else
  echo "no mandoc here: what it would say of the page is not known"
fi
if command -v man > /dev/null; then
  complaints=$(LC_ALL=C.UTF-8 MANROFFSEQ= man --warnings -E UTF-8 -l -Tutf8 -Z "$work/limen.1" 2>&1 > /dev/null)
  [ -z "$complaints" ] || { echo "$complaints"; exit 1; }
fi
