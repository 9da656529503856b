#!/usr/bin/env bash
# Make .venv with a Python that is new enough and has pip; say what to install when the machine has none.
set -euo pipefail
cd "$(dirname "$0")/.."
minimum='import sys; sys.exit(sys.version_info < (3, 11))'

find_python() {
  local name
  for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if command -v "$name" >/dev/null && "$name" -c "$minimum"; then
      echo "$name"
      return
    fi
  done
  echo "ragkeeper needs Python 3.11 or newer: install it, or name it with PYTHON=/path/to/python3" >&2
  exit 3
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Debian and Ubuntu keep `venv` in a package of its own.
install_venv_module() {
  command -v apt-get >/dev/null || return 1
  echo "Python's venv module is missing; installing the package python3-venv" >&2
  as_root apt-get update -qq >&2 && as_root apt-get install -y -qq --no-install-recommends python3-venv >&2
}

has_pip() {
  [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1
}

if has_pip && .venv/bin/python -c "$minimum"; then
  exit 0
fi
python=$(find_python)
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null && ! install_venv_module; then
  echo "Python's venv module is missing: run \`sudo apt-get install python3-venv\` and try again" >&2
  exit 3
fi
"$python" -m venv --clear .venv
