# The only interface to this checkout: people and CI call the same targets. Needs make, bash, Python 3.11 or 3.12 and a
# package index. ARGS="…" is handed on to what a target runs.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# make test TIERS=tests/unit for the quick ones only. In this order, so that what takes long is not begun last.
TIERS ?= tests/chaos tests/e2e tests/integration tests/unit
# Processes that share the tests; most of these wait. 0: all in one, where --pdb and -s work.
PROCESSES ?= 2

.PHONY: help setup setup-dev demo up test test-musicgen lint format proto bench bench-peers chaos docs lock clean

help: ## Say what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' Makefile | while IFS='|' read -r name does; do printf '  %-13s %s\n' "$$name" "$$does"; done

setup: ## Make .venv with everything a mesh runs on; takes no time once it is there
	@scripts/setup.sh runtime

setup-dev: ## The same, and what its tests and tools need
	@scripts/setup.sh dev

demo: setup ## Start a mesh, make a piece of music, save it in demo/, stop
	@$(BIN)/tutti demo $(ARGS)

up: setup ## Start a whole mesh on this machine, until Ctrl-C
	@$(BIN)/tutti up $(ARGS)

test: setup-dev ## Run every test: TIERS="tests/unit" for some, ARGS="-k words" for pytest
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder $(TIERS) $(ARGS)

test-musicgen: setup-dev ## Run the tests of the sampled engine, in an environment with torch (6 GB)
	@scripts/setup-musicgen.sh
	@.venv-musicgen/bin/python -m pytest tests/musicgen $(ARGS)

lint: setup-dev ## Check style, types, imports, and that what is generated is fresh
	@scripts/lint.sh

format: setup-dev ## Put the code into shape
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

proto: setup-dev ## Generate the stubs in tutti/v1 from protos/
	@scripts/proto.sh

bench: setup-dev ## Measure a mesh on this machine
	@$(BIN)/python -m bench $(ARGS)

bench-peers: setup-dev ## The same beside other job queues, which it installs in bench/.peers
	@$(BIN)/python -m bench --peers $(ARGS)

chaos: setup-dev ## Kill, pause and restart parts of a mesh under load: ARGS="--seed 7 --jobs 2000 --seconds 120"
	@$(BIN)/python -m tests.chaos $(ARGS)

docs: setup-dev ## Generate what is generated in docs/, and .env.example
	@$(BIN)/python scripts/config_docs.py
	@$(BIN)/python scripts/openapi.py
	@$(BIN)/python scripts/api_docs.py

lock: ## Pin every dependency anew (needs uv); ARGS="--upgrade" takes newer versions
	@scripts/lock.sh $(ARGS)

clean: ## Remove .venv and every cache; data in .tutti/ and music in demo/ stay
	rm -rf bench/.peers .venv .venv-musicgen .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
