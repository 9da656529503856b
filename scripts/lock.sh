#!/usr/bin/env bash
# Compile the lock files from pyproject.toml, with the hashes that PyPI publishes, and prove that each can be installed
# from wheels alone on every supported Python and processor. Pins stay as they are unless UPGRADE=1 is set.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
unset PIP_FIND_LINKS PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_FIND_LINKS UV_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL

compile() {
  local lock=$1
  shift
  "$uv" pip compile --quiet --universal --python-version 3.11 \
    --generate-hashes --no-annotate --custom-compile-command "make lock" ${UPGRADE:+--upgrade} --output-file "$lock" "$@"
}

prove() {
  local lock=$1 version machine target
  for version in 3.11 3.12 3.13; do
    for machine in x86_64 aarch64; do
      target=$(mktemp -d)
      "$uv" pip install --quiet --dry-run --require-hashes \
        --only-binary :all: --python-version "$version" --python-platform "$machine-manylinux_2_34" --target "$target" -r "$lock"
      rm -r "$target"
    done
  done
  echo "$lock: $(grep -c '==' "$lock") packages, wheels for Python 3.11 to 3.13 on x86-64 and aarch64"
}

compile requirements.lock pyproject.toml
compile requirements-dev.lock pyproject.toml --group dev --group build --constraint requirements.lock
compile requirements-build.lock --group build --constraint requirements-dev.lock
for lock in requirements.lock requirements-dev.lock requirements-build.lock; do
  prove "$lock"
done
