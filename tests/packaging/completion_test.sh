#!/usr/bin/env bash
# completion_test.sh LIMEN: the completions as the shells take them; what bash answers.
set -eu
limen=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$limen" generate bash > "$work/limen.bash"
source "$work/limen.bash"
complete -p limen | grep -q -- '-F _limen'

# answers WORD...: what is offered for the last of the words.
answers() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
  _limen
  echo "${COMPREPLY[*]}"
}
is() {
  local want=$1 got
  shift
  got=$(answers "$@")
  [ "$got" = "$want" ] || { echo "'$*': '$got', not '$want'"; exit 1; }
}
is "fleet" limen fl
is "--against" limen fleet --ag
is "import" limen imp
is "" limen fleet --against ""       # a file: left to readline
is "" limen fleet some/folder
is "--json" limen fleet --threads 3 --js
is "--version" limen --v
is "" limen nonsense --j
is "roofline" limen plot ro
is "--help" limen plot --he
is "--svg" limen plot roofline --sv
is "" limen plot roofline r
below() { "$limen" "$@" --help | sed -n '/^Subcommands:/,$ s/^  \([a-z][a-z-]*\).*/\1/p'; }
{ below; below plot | sed 's/^/plot /'; } > "$work/commands"
grep -q '^plot roofline$' "$work/commands"
while read -r -a command; do
  offered=" $(answers limen "${command[@]}" -) "
  for option in $("$limen" "${command[@]}" --help | grep -oE '^ +-[^ ]+' | tr ',' ' '); do
    [[ $offered == *" $option "* ]] || { echo "${command[*]}: $option is not offered"; exit 1; }
  done
done < "$work/commands"
[[ " $(answers limen "") " != *" generate "* ]]

"$limen" generate zsh > "$work/_limen"
if command -v zsh > /dev/null; then
  zsh -n "$work/_limen"
  zsh -fc "fpath=('$work' \$fpath); autoload -Uz compinit; compinit -u -D; [[ \$_comps[limen] == _limen ]]"
else
  echo "no zsh here: its completion was not tried"
fi
"$limen" generate fish > "$work/limen.fish"
if command -v fish > /dev/null; then
  fish --no-execute "$work/limen.fish"
  [ "$(HOME=$work fish -c "source $work/limen.fish; complete -C 'limen fleet --ag'" | cut -f1)" = "--against" ]
  HOME=$work fish -c "source $work/limen.fish; complete -C 'limen fl'" | grep -q '^fleet'
  HOME=$work fish -c "source $work/limen.fish; complete -C 'limen plot ro'" | grep -q '^roofline'
  HOME=$work fish -c "source $work/limen.fish; complete -C 'limen plot roofline --sv'" | grep -q '^--svg'
else
  echo "no fish here: its completion was not tried"
fi
if "$limen" generate tcsh 2> "$work/err"; then exit 1; fi
grep -q "tcsh" "$work/err"
