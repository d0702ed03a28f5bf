# The verbs of Hone. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PY := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)
PYTHON ?=
export PYTHON
BUDGET ?= 20m
TIMES := .venv/.times
PYTEST := $(PY) -m pytest -q
# Settings are read by the type checker; it needs no servers for that.
OFFLINE := DATABASE_URL=postgresql://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1 \
	HONE_VAR=.mypy_cache/var HONE_SECRET_KEY=offline
STAGE := .ci/stage $(TIMES)

.PHONY: help setup setup-dev demo up test loop bench lint types format unit browser \
	test-install test-frontend test-lint test-queue test-rooms test-engine test-methods test-runs \
	test-browser test-loop test-smoke \
	frontend lock clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: ## make .venv and install what Hone runs on (pinned)
	@requirements/install.sh run

setup-dev: # what the tests, linters and types need besides
	@requirements/install.sh dev

demo: setup frontend ## run all of Hone with a demo project (Ctrl-C stops it)
	@$(PY) manage.py up --demo

up: setup frontend ## run all of Hone without the demo
	@$(PY) manage.py up

loop: setup ## run the loop once: make loop DATA=FILE [BUDGET=20m]
	@$(if $(DATA),,echo "expected a file of comparisons: make loop DATA=FILE [BUDGET=20m]" >&2; exit 2)
	@$(PY) manage.py loop --data "$(DATA)" --budget "$(BUDGET)"

test: ## install what is missing, then run the whole suite
	@mkdir -p .venv && rm -f .venv/.times.new
	@.ci/stage .venv/.times.new "install" 4 $(MAKE) test-install
	@mv .venv/.times.new $(TIMES)
	@$(STAGE) "front end" 2 $(MAKE) test-frontend
	@$(STAGE) "lint and types" 2 $(MAKE) test-lint
	@$(STAGE) "queue and races" 5 $(MAKE) test-queue
	@$(STAGE) "workers and rounds" 5 $(MAKE) test-rooms
	@$(STAGE) "engine" 5 $(MAKE) test-engine
	@$(STAGE) "browser" 6 $(MAKE) test-browser
	@$(STAGE) "tiny loop" 3 $(MAKE) test-loop
	@$(STAGE) "SmolLM2 smoke" 2 $(MAKE) test-smoke
	@.ci/times $(TIMES)

test-install: setup-dev
	@.ci/browser

test-frontend: frontend/node_modules/.package-lock.json
	@npm --prefix frontend run --silent test
	@$(MAKE) frontend

test-lint:
	@$(MAKE) --jobs=2 --output-sync=target lint types

# Several at once, each with servers of its own: they wait for processes mostly. Files
# are handed out as they are named, those that wait longest first. What people answer is
# one stage; what is made of it (training rooms, workers, processes) is the other.
APART := --dist loadfile --no-loadscope-reorder --numprocesses
ROOMS := tests/workers/ tests/config/ $(filter-out tests/workers/ tests/config/ \
	tests/annotation/ tests/browser/ tests/engine/ tests/bench/ %__/,\
	$(sort $(wildcard tests/*/)))
WITHOUT := not (browser or loop or smoke)

test-queue:
	@$(PYTEST) $(APART) 3 -m "$(WITHOUT)" tests/annotation $(sort $(wildcard tests/test_*.py))

test-rooms:
	@$(PYTEST) $(APART) 3 -m "$(WITHOUT)" $(ROOMS)

# Two at once, a core each: the identities of the methods, and whole runs.
test-engine:
	@OMP_NUM_THREADS=1 $(MAKE) --jobs=2 --output-sync=target test-methods test-runs

test-methods:
	@$(PYTEST) tests/engine/identities

test-runs:
	@$(PYTEST) -m "not smoke" tests/engine --ignore=tests/engine/identities

test-browser:
	@$(PYTEST) $(APART) 2 -m browser

test-loop:
	@$(PYTEST) -m loop

test-smoke:
	@$(PYTEST) -m smoke

lint: setup-dev ## style, format and import rules
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(OFFLINE) .venv/bin/lint-imports

types: setup-dev ## strict types
	@$(OFFLINE) .venv/bin/mypy

format: setup-dev ## format the code and mend what lint can
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format .

# Each script in tests/bench prints its own figures; options: ARGS="--rows 2000".
BENCHES = $(subst _,-,$(patsubst tests/bench/%.py,%,\
	$(shell grep -l '__name__ == "__main__"' tests/bench/*.py)))

bench: setup-dev frontend ## print the numbers of docs/benchmarks.md, an hour or more
	@echo "one alone:$(BENCHES:%= make bench-%;)"
	@for name in $(BENCHES); do $(MAKE) "bench-$$name"; done

bench-%: setup-dev
	@echo "== $*"
	@$(PY) -m tests.bench.$(subst -,_,$*) $(ARGS)

# The workspace: built when its sources are newer than the build.
FRONTEND := $(shell find frontend/src frontend/public frontend/index.html \
	frontend/*.json frontend/*.ts -type f 2>/dev/null)

frontend: frontend/dist/index.html

frontend/node_modules/.package-lock.json: frontend/package-lock.json
	@echo "front end: installing packages"
	@npm --prefix frontend ci --no-audit --no-fund --loglevel=error
	@touch $@

frontend/dist/index.html: frontend/node_modules/.package-lock.json $(FRONTEND)
	@echo "front end: building"
	@npm --prefix frontend run --silent build
	@touch $@

lock: ## renew requirements/*.txt from *.in (a fresh environment, some minutes)
	@rm -rf .venv-lock
	@$${PYTHON:-python3} -m venv .venv-lock
	@.venv-lock/bin/pip --quiet install "$$(grep '^torch==' requirements/run.in)" packaging
	@.venv-lock/bin/pip --quiet install -r requirements/dev.in
	@.venv-lock/bin/python requirements/lock.py
	@rm -rf .venv-lock

clean: ## remove what is built and cached; data in var/ stays
	@rm -rf .venv frontend/node_modules frontend/dist .pytest_cache .mypy_cache \
	  .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
