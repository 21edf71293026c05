#!/usr/bin/env bash
# Tries the compose stack for real, from an empty project to nothing left, and says what it found:
#
#   scripts/try-compose.sh [MAKER]
#
# MAKER is a program that provides the images where no registry can be reached, called with this folder. The stack has
# a project name and ports of its own, so that it meets nothing that runs. About six minutes. Ends with 1 if a check fails.
set -euo pipefail
cd "$(dirname "$0")/.."

export COMPOSE_PROJECT_NAME=swarmscope-try-$$
export SYSTEM=triggers PROFILE='' ENVIRONMENT='' HOST='' PROCESSES=1 SWARMSCOPE_BIND=127.0.0.1
export CREDENTIALS_FILE='' GRAFANA_ADMIN_PASSWORD_FILE='' GRAFANA_ANONYMOUS=true GRAFANA_URL=''
set -a
eval "$(python3 scripts/compose_checks.py ports)"
set +a

rows=()
failed=0
scratch=$(mktemp -d)
chmod 755 "$scratch"

say() { printf '%s\n' "$*" >&2; }

compose() { docker compose --progress quiet "$@"; }

row() { # ok|FAILED, what, said
  rows+=("$(printf '%-7s %-28s %s' "$1" "$2" "${3//$'\n'/$'\n'                                     }")")
  say "${rows[-1]}"
  [ "$1" = ok ] || failed=1
}

check() { # what, command…: its one line is what is said of it
  local what=$1 said
  shift
  if said=$("$@" 2>&1); then row ok "$what" "$said"; else row FAILED "$what" "$said"; fi
}

ask() { python3 scripts/compose_checks.py "$@"; }
secure() { python3 scripts/compose_security.py "$@"; }

build() {
  local began=$SECONDS
  compose build >"$scratch/build.log" 2>&1 || { tail -n 20 "$scratch/build.log"; return 1; }
  echo "$((SECONDS - began)) s"
}

up() { # docker compose up …, with the seconds that it took
  local began=$SECONDS
  compose up "$@" >"$scratch/up.log" 2>&1 || { tail -n 20 "$scratch/up.log"; return 1; }
  echo "$((SECONDS - began)) s"
}

refused() { # pattern, VARIABLE=value…: the stack must not start with these, and say why
  local pattern=$1 code=0
  shift
  (
    export COMPOSE_PROJECT_NAME=$COMPOSE_PROJECT_NAME-open "$@"
    compose up --no-build --wait secrets prometheus >"$scratch/refused.log" 2>&1 || code=$?
    compose logs --no-log-prefix secrets >>"$scratch/refused.log" 2>&1
    compose down --volumes >/dev/null 2>&1
    [ "$code" -ne 0 ] || { echo "started with $*"; exit 1; }
    grep -m 1 -- "$pattern" "$scratch/refused.log" || { tail -n 5 "$scratch/refused.log"; exit 1; }
  )
}

credentials() { # a program of ours has what the file holds, docker inspect does not show it
  local name=$COMPOSE_PROJECT_NAME-credentials code
  echo LOCUST_API_KEY=only-in-the-file >"$scratch/credentials"
  CREDENTIALS_FILE=$scratch/credentials compose run --detach --no-deps --name "$name" locust-headless \
    sh -c '[ "${#LOCUST_API_KEY}" = 16 ]' >/dev/null
  code=$(docker wait "$name")
  docker inspect "$name" >"$scratch/inspect"
  docker rm "$name" >/dev/null
  [ "$code" = 0 ] || { echo "the program does not have it"; return 1; }
  if grep -q only-in-the-file "$scratch/inspect"; then echo "docker inspect shows it"; return 1; fi
  echo "the program has them, docker inspect does not"
}

restart() { # service: in the middle of a run
  local began=$SECONDS
  compose restart "$1" >"$scratch/restart.log" 2>&1 || { tail "$scratch/restart.log"; return 1; }
  echo "back in $((SECONDS - began)) s, during the run"
}

headless() { # wanted exit code: one run as a pipeline makes it
  local code=0 verdict
  # A light load, because a machine that is busy with something else must not fail it.
  PROFILE=baseline compose run --rm -T -e LOCUST_RUN_TIME=25 locust-headless >"$scratch/headless.log" 2>&1 || code=$?
  verdict=$(grep -oE 'run [^ ]+: (PASS|FAIL|INVALID|NO DATA) .*' "$scratch/headless.log" | tail -n 1 || true)
  [ "$code" = "$1" ] || { echo "exit code $code"; grep -E 'finish: ' "$scratch/headless.log" | tail -n 12; return 1; }
  echo "${verdict:-exit code $code}"
}

fault() {
  curl --silent --show-error --fail --noproxy '*' -X PUT "127.0.0.1:$SWARMSCOPE_SERVICE_PORT/faults" \
    -H 'Content-Type: application/json' -d "$1" >/dev/null
}

reports() { # runs that must have left all four files in the volume, read as a pipeline would
  local run count
  compose run --rm --no-deps -T --entrypoint tar locust-headless -C /srv/reports -cf - . | tar -xf - -C "$scratch"
  for run in "$@"; do
    count=$(find "$scratch/$run" -name 'report.*' -o -path "$scratch/$run/*" -name '*.json' -o \
      -path "$scratch/$run/*" -name junit.xml | wc -l)
    [ "$count" -ge 4 ] || { echo "$run: $count files"; return 1; }
    python3 -c 'import json, sys
result = json.load(open(sys.argv[1]))
bad = [row for row in result["reconciliation"] if len({row["recorder"], row["locust"], row["prometheus"]}) != 1]
sys.exit(f"do not agree: {bad}" if bad else 0)' "$scratch/$run/result.json" || return 1
  done
  echo "report.md, report.html, result.json, junit.xml of $# runs; three counts of every request agree"
}

nothing_left() {
  local left label=label=com.docker.compose.project=$COMPOSE_PROJECT_NAME
  compose --profile '*' down --volumes >"$scratch/down.log" 2>&1 || { tail "$scratch/down.log"; return 1; }
  left=$(docker ps -aq --filter "$label"; docker volume ls -q --filter "$label"; docker network ls -q --filter "$label")
  [ -z "$left" ] || { echo "left: $left"; return 1; }
  echo "no container, no volume, no network"
}

finish() {
  local code=$?
  docker compose --profile '*' down --volumes --remove-orphans >/dev/null 2>&1 || true
  rm -rf "$scratch"
  say
  printf '%s\n' "${rows[@]}"
  if [ "$code" = 0 ] && [ "$failed" = 0 ]; then
    echo "OK: ${#rows[@]} checks in $SECONDS s"
  else
    echo "FAILED after $SECONDS s"
    exit 1
  fi
}
trap finish EXIT
trap 'exit 130' INT TERM

if [ $# -gt 0 ]; then "$1" "$PWD"; fi
say "project $COMPOSE_PROJECT_NAME, Locust on port $SWARMSCOPE_LOCUST_PORT"
check "build" build
check "up --build --wait" up --build --wait
[ "$failed" = 0 ] || { compose logs --tail 20 >&2; exit 1; }
check "healthy" ask healthy
check "confined" secure confined
check "no root" secure nobody
check "no secret told" secure untold
check "image" secure image
check "credentials of a file" credentials

echo admin >"$scratch/weak"
check "weak password refused" refused 'nobody guesses first' SWARMSCOPE_BIND=0.0.0.0 GRAFANA_ANONYMOUS=false \
  GRAFANA_ADMIN_PASSWORD_FILE="$scratch/weak"
check "open to all refused" refused 'GRAFANA_ANONYMOUS: must be false' SWARMSCOPE_BIND=0.0.0.0

first=$(ask start 20 55) || { say "$first"; first=none; }
check "run by the web API" ask data "$first"
check "breach notified" ask breach "$first"
check "totals" ask totals "$first"

check "scale to 3 workers" up --wait --no-recreate --scale locust-worker=3
second=$(ask start 30 50) || { say "$second"; second=none; }
check "3 workers make load" ask workers "$second" 3
check "restart prometheus" restart prometheus
check "restart grafana" restart grafana
check "memory" ask memory
check "totals after restarts" ask totals "$second"
check "gap of the restart" ask gap "$second"

check "headless beside it" headless 0
fault '[{"kind": "error", "routes": "/events", "probability": 0.5, "for_seconds": 120}]'
check "headless, with a fault" headless 10
fault '[]'
check "reports in the volume" reports "$first" "$second"
check "healthy at the end" ask healthy
check "down --volumes" nothing_left
