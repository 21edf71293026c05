#!/usr/bin/env bash
# Says what a system needs beside Prometheus, as install-packages.sh takes it:  packages-for-system.sh [--optional] SYSTEM
# A system whose targets.yaml says `needs: [postgresql]` needs the server, unless DATABASE_URL names one, and is told
# more about with the exporters (--optional). Needs no Python: it runs before there is any.
set -euo pipefail

optional=
[ "${1:-}" != --optional ] || { optional=yes; shift; }
file=scenarios/${1:-}/targets.yaml
[ -f "$file" ] || exit 0

# needs: [postgresql], or a list of lines below it.
needs=$(awk '/^needs:/ { on = 1; print; next } on && /^[[:space:]]*-/ { print; next } { on = 0 }' "$file" | sed 's/#.*//')
[[ $needs == *postgresql* ]] || exit 0

if [ -n "$optional" ]; then
  echo "prometheus-postgres-exporter=prometheus-postgres-exporter prometheus-node-exporter=prometheus-node-exporter"
elif [ -z "${DATABASE_URL:-}" ]; then
  echo "/usr/lib/postgresql/*/bin/initdb=postgresql"
fi
