#!/usr/bin/env bash
# Installs the packages of packages.txt that are missing. Usage: install_packages.sh WHEN... [--yes]
# WHEN is a word of the second column (build, test). Asks before apt unless root or --yes.
set -euo pipefail
cd "$(dirname "$0")/.."
yes=no; when=()
for a in "$@"; do if [ "$a" = --yes ]; then yes=yes; else when+=("$a"); fi; done

missing=()
while read -r package at _; do
  case "$package" in ''|\#*) continue;; esac
  for w in "${when[@]}"; do
    if [ "$at" = "$w" ] && ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed'; then
      missing+=("$package")
    fi
  done
done < packages.txt
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "limen: these packages (Debian names) seem to be missing, and there is no apt-get here: ${missing[*]}; going on, CMake will say what it needs" >&2
  exit 0
fi
sudo=(); [ "$(id -u)" = 0 ] || sudo=(sudo)
echo "limen: will run: ${sudo[*]:+${sudo[*]} }apt-get install ${missing[*]}" >&2
if [ "$(id -u)" != 0 ] && [ "$yes" = no ]; then
  if [ ! -t 0 ]; then
    echo "limen: not asking without a terminal; run it yourself, or pass --yes" >&2; exit 3
  fi
  read -r -p "Go ahead? [y/N] " answer
  case "$answer" in [yY]*) ;; *) echo "limen: nothing was installed" >&2; exit 3;; esac
fi
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -qq >&2
"${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
