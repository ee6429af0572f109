# Each target sets up what it needs: CPython >= 3.11, make, bash and gcc are enough to start.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint docs format bench matrix clients clean

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

setup: $(READY)  ## make the virtual environment

demo: $(READY)  ## run a C project on the mock server, then judge that server
	$(BIN)/python -m examples.demo

test: $(READY)  ## all tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4

lint: $(READY)  ## style, types, direction of imports, the contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --verbose
	$(BIN)/python -m tools.lint_contract
	$(BIN)/python -m tools.clauses --check

docs: $(READY)  ## write docs/clauses.md anew: where each clause is kept and tested
	$(BIN)/python -m tools.clauses

format: $(READY)  ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## measure the mock server against the machine's limits
	$(BIN)/python -m benchmarks

matrix: $(READY)  ## run the suite against every known defect and every right server
	$(BIN)/python -m conformance.selftests.matrix

clients: $(READY)  ## install the published clients that the tests use
	$(BIN)/python -m mock_server.tests.clients.environments

clean:  ## remove everything that was made here
	rm -rf $(VENV) .clients report dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
