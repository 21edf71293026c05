#!/usr/bin/env bash
# Installs the Debian packages behind programs that are missing:  install-packages.sh PROGRAM=PACKAGE …
# PROGRAM is a name on PATH, or a path with wildcards. Says nothing and does nothing when all are there.
#
# Debian starts a package's daemon as soon as it is installed, and again at every boot. Ours are started by the
# runner, on ports that Debian's would take. So while we install, policy-rc.d (Debian's own switch for this) says
# no, and what we have installed is kept from starting at boot. What was installed before is left as it is.
set -euo pipefail

readonly POLICY=${POLICY_RC_D:-/usr/sbin/policy-rc.d}
readonly COMPONENT_MISSING=23 # swarmscope/errors.py: ExitCode

is_there() {
  case $1 in
    */*) compgen -G "$1" >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing=()
for pair in "$@"; do
  is_there "${pair%%=*}" || missing+=("${pair#*=}")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

give_up() {
  echo "Missing: ${missing[*]}. $1" >&2
  exit "$COMPONENT_MISSING"
}

command -v apt-get >/dev/null || give_up "This machine has no apt-get: install them by hand, or use 'docker compose up'."
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  by_hand="sudo apt-get install --no-install-recommends ${missing[*]}"
  command -v sudo >/dev/null || give_up "Installing needs root: $by_hand"
  # Where nobody can type a password, sudo must not wait for one.
  [ -t 0 ] || sudo -n true 2>/dev/null || give_up "Installing needs root: $by_hand"
  sudo=(sudo)
fi
as_root() { "${sudo[@]}" "$@"; }

echo "Installing Debian packages: ${missing[*]} (their daemons are kept from starting)"
if [ ! -e "$POLICY" ]; then
  trap 'as_root rm -f "$POLICY"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
fi
as_root apt-get update -qq || echo "The package lists could not be renewed; trying with the old ones." >&2
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
  give_up "apt-get could not install them; its message is above."

if command -v systemctl >/dev/null; then
  for package in "${missing[@]}"; do
    as_root systemctl disable --quiet "$package.service" >/dev/null 2>&1 || true # not every package has a service
  done
fi
