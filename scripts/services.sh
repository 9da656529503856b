#!/usr/bin/env bash
# Install the Debian packages that optional parts and their tests use: OCR, the servers of server mode, a C compiler.
set -euo pipefail
packages=(tesseract-ocr tesseract-ocr-eng postgresql redis-server nginx prometheus prometheus-alertmanager chromium gcc libc6-dev)

if ! command -v apt-get >/dev/null; then
  echo "services: this machine has no apt-get; install by its own means: ${packages[*]}" >&2
  exit 3
fi
if [ "$(id -u)" = 0 ]; then
  run=(env)
elif sudo -n true 2>/dev/null; then
  run=(sudo -n env)
else
  echo "services: skipped, needs root; run as root: apt-get install ${packages[*]}" >&2
  exit 0
fi
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
if [ ${#missing[@]} = 0 ]; then
  echo "services: all there: ${packages[*]}"
  exit 0
fi
# Tests start their own servers on free ports: a package must not start one when it is installed.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' | "${run[@]}" tee /usr/sbin/policy-rc.d >/dev/null
  "${run[@]}" chmod +x /usr/sbin/policy-rc.d
  trap '"${run[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
fi
"${run[@]}" apt-get update -qq
"${run[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "services: installed ${missing[*]}"
