# `make` lists the targets. Two commands set up everything on a bare machine: `make run` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test check bench soak fix docs services lock build clean

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CODE := src tests bench scripts

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done

run: .venv/run.stamp ## Install, ingest the sample documents, answer one question, serve on port 8000
	@$(BIN)/python -m ragkeeper.entrypoints.first_run

test: .venv/dev.stamp ## Install what development needs and run every test
	@# In the order of the folders: what takes long comes first. Three at once: many tests wait for a second process.
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: .venv/dev.stamp ## Lint, types, import contracts, unit and architecture tests, in a minute or two
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/ruff format --quiet --check $(CODE)
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > .venv/contracts.log || { cat .venv/contracts.log; exit 1; }
	@$(BIN)/python -m pytest --quiet -n auto --maxprocesses 4 --dist loadfile tests/unit tests/architecture

fix: .venv/dev.stamp ## Repair what the linter and the formatter can
	@$(BIN)/ruff check --quiet --fix $(CODE)
	@$(BIN)/ruff format --quiet $(CODE)

bench: .venv/dev.stamp ## Print every published figure with its conditions (long)
	@missed=; for program in $$(grep -lE '^if __name__ == .__main__.' bench/*.py); do name=$$(basename "$$program" .py); \
		echo "== $$program"; $(BIN)/python -m "bench.$$name" || missed="$$missed $$name"; done; \
		test -z "$$missed" || { echo "not within their targets, or failed:$$missed" >&2; exit 1; }

SEED ?= 1
soak: .venv/dev.stamp ## Break a server in 300 ways and at each call of a piece of work, watch its memory (hours; SEED=1)
	@$(BIN)/python -m tests.faults.harness --seed $(SEED) --operations 10000 --kills 300 --minutes 60
	@$(BIN)/python -m tests.faults.harness --seed $(SEED) --sweep 0

docs: .venv/dev.stamp ## Write the generated reference pages again
	@$(BIN)/python -m scripts.docs

services: ## Install the Debian packages that optional parts use (root)
	@scripts/services.sh

lock: .venv/dev.stamp ## Compile the lock files again (UPGRADE=1 moves the pins)
	@scripts/lock.sh

build: .venv/dev.stamp ## Build the wheel into dist/
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls -l dist/*.whl

clean: ## Remove what the other targets made, the data folder excepted
	@rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@scripts/venv.sh

# Stamps make the second run instant. Every package is checked against the hash in its lock file.
.venv/run.stamp: requirements.lock requirements-build.lock pyproject.toml | .venv/bin/python
	@scripts/venv.sh
	@echo "Installing ragkeeper into .venv"
	@$(INSTALL) --require-hashes -r requirements.lock -r requirements-build.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/run.stamp
	@echo "Installing the development tools into .venv"
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
