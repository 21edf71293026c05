# What a person does here. `make` alone lists it. On Debian and Ubuntu, whatever is missing is installed first.
#
# make ends with 2 whenever a command fails, and prints the command's own exit code as "Error 10".
# Where the code itself matters (CI), call .venv/bin/python -m swarmscope.edge.cli run instead.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Containers and CI often forbid Python to keep what it compiled: then each of our many processes compiles it anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
# More than there are cores: most tests wait for somebody most of the time.
# By files, in their order: what the tests of a file share is started once.
PYTEST_ARGS ?= -n 4 --dist loadfile --no-loadscope-reorder
PYTEST_LONG_ARGS ?=
BENCHMARKS ?=

SYSTEM ?= triggers
# Through the environment and not into the text: a quote in a value must not end a word of the recipe.
LOAD := --system="$$SYSTEM" --profile="$$PROFILE" --environment="$$ENVIRONMENT" --host="$$HOST" \
  --duration="$$DURATION" --users="$$USERS" --processes="$$PROCESSES" --locust-args="$$LOCUST_ARGS"
export SYSTEM PROFILE DURATION HOST USERS ENVIRONMENT PROCESSES LOCUST_ARGS NAME
export N C METHOD BODY HEADERS P50 P90 P95 P99 ERRORS

BIN := .venv/bin
CLI := $(BIN)/python -m swarmscope.edge.cli
READY := .venv/.ready
LOCK := requirements.lock
# The same versions without what only development needs: for the container image.
RUNTIME_LOCK := requirements.runtime.lock
COMPILE = $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options
RULES = $(wildcard prometheus/rules/*.yml alerts/*.generated.yml)

.PHONY: help run up down status doctor test test-long quick queries cloudwatch-alarms check generate bench new clean lock programs test-programs

help: ## List what there is.
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  e.g. make run SYSTEM=triggers PROFILE=baseline DURATION=2m USERS=50"
	@echo "       make run SYSTEM=triggers HOST=http://127.0.0.1:3000      your service instead of the reference"
	@echo "       make run ENVIRONMENT=dev PROCESSES=2 LOCUST_ARGS='--tags inbox'"

run: $(READY) programs ## Run a load test: SYSTEM= PROFILE= DURATION= HOST= USERS= ENVIRONMENT= PROCESSES= LOCUST_ARGS=
	@exec $(CLI) run $(LOAD)

up: $(READY) programs ## Start the stack with Locust's web UI and leave it running (same variables).
	@exec $(CLI) up $(LOAD)

down: $(READY) ## Stop what `make up` left running.
	@exec $(CLI) down

status: $(READY) ## Say what of it runs.
	@exec $(CLI) status

doctor: $(READY) ## Say what this machine has: programs, versions, ports.
	@exec $(CLI) doctor

test: $(READY) test-programs ## Run every test (PYTEST_ARGS='-n 3').
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

test-long: $(READY) test-programs ## Run the tests that take minutes: capacity, a million rows, every target broken once.
	@$(BIN)/python -m pytest -m long -n 0 $(PYTEST_LONG_ARGS)

# SECONDS and PATH-like names mean something to bash: these go by names of their own.
quick: export QUICK_SECONDS = $(SECONDS)
quick: export QUICK_URL = $(URL)
quick: $(READY) ## Time one request, seconds long: URL= N= SECONDS= C= METHOD= BODY= HEADERS= P50= P95= P99= ERRORS=
	@exec $(CLI) quick "$$QUICK_URL" --requests="$$N" --seconds="$$QUICK_SECONDS" --concurrency="$$C" \
	  --method="$$METHOD" --body="$$BODY" --headers="$$HEADERS" --p50="$$P50" --p90="$$P90" --p95="$$P95" \
	  --p99="$$P99" --errors="$$ERRORS"

queries: export QUERIES_WATCH = $(WATCH)
queries: $(READY) ## Show what the PostgreSQL of DATABASE_URL, or of a running stack, is doing (WATCH=1: again and again).
	@exec $(CLI) queries $(if $(WATCH),--watch="$$QUERIES_WATCH")

cloudwatch-alarms: export ALARM_NAMESPACE = $(NAMESPACE)
cloudwatch-alarms: export ALARM_ACTION = $(ACTION)
cloudwatch-alarms: $(READY) ## CloudWatch alarms of the targets: SYSTEM= ENVIRONMENT= PROFILE= NAMESPACE= ACTION=arn APPLY=1 DELETE=1
	@exec $(BIN)/python -m swarmscope.edge.cloudwatch_alarms --system="$$SYSTEM" --environment="$$ENVIRONMENT" \
	  --profile="$$PROFILE" --namespace="$$ALARM_NAMESPACE" --period="$(or $(PERIOD),60)" \
	  --action="$$ALARM_ACTION" $(if $(APPLY),--apply) $(if $(DELETE),--delete)

check: $(READY) programs ## What CI checks: format, lint, types, generated files, rules, configuration.
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	bash -n scripts/*.sh .ci/run
	$(CLI) check
	$(CLI) generate --check
	promtool check config --lint=all --lint-fatal prometheus/prometheus.yml
	promtool check rules --lint=all --lint-fatal $(RULES)
	@# One process a file, two at once: the largest takes most of a minute.
	printf '%s\0' alerts/tests/*.yml | xargs -0 -n 1 -P 2 promtool test rules
	amtool check-config alerts/alertmanager.yml

generate: $(READY) ## Write rules, alerts, dashboards and documents from the targets files.
	@$(CLI) generate

bench: $(READY) ## Measure what it costs and how exact it is (BENCHMARKS='exactness scrape').
	@$(BIN)/python -m benchmarks $(BENCHMARKS)

new: $(READY) ## Write the folder of a new system: NAME=checkout HOST=http://127.0.0.1:3000
	@$(CLI) new "$${NAME:?make new NAME=checkout}" --host="$$HOST"

clean: ## Remove what runs leave behind, but no report: .swarmscope and caches.
	@if [ -x $(BIN)/python ]; then $(CLI) down; fi
	@rm -rf .swarmscope .pytest_cache .mypy_cache .ruff_cache build *.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

lock: $(READY) ## Choose the newest versions that pyproject.toml allows and write both lock files.
	@# Names, versions and hashes only: where packages come from is each machine's own business.
	@$(COMPILE) --upgrade --extra dev --extra stand-in --output-file $(LOCK) pyproject.toml
	@$(COMPILE) --constraint $(LOCK) --extra stand-in --output-file $(RUNTIME_LOCK) pyproject.toml

programs:
	@scripts/install-packages.sh prometheus=prometheus prometheus-alertmanager=prometheus-alertmanager \
	  $$(scripts/packages-for-system.sh "$$SYSTEM")
	@scripts/install-packages.sh $$(scripts/packages-for-system.sh --optional "$$SYSTEM") || \
	  echo "Going on without: the run says what is not measured." >&2

# The tests run the reference services on a PostgreSQL of their own, too.
test-programs: programs
	@scripts/install-packages.sh '/usr/lib/postgresql/*/bin/initdb=postgresql' \
	  prometheus-node-exporter=prometheus-node-exporter prometheus-postgres-exporter=prometheus-postgres-exporter
	@# Ubuntu has it as a snap only: there the one test of pages says that it was left out.
	@scripts/install-packages.sh chromium=chromium || echo "Going on without: no page is looked at." >&2

$(READY): $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; choose one with PYTHON=python3.12" >&2; exit 23; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || scripts/install-packages.sh 'no/such/file=python3-venv'
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv .venv
	@echo "Installing the Python packages of $(LOCK) into .venv (once)"
	@# Errors only: warnings about a machine's own pip configuration would hide the first screen.
	@$(BIN)/pip install -qq --disable-pip-version-check --no-input --require-hashes -r $(LOCK)
	@touch $@
