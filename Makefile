# make demo | make test | make setup | make help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup demo test coverage benchmark clean
.DEFAULT_GOAL := help

help:  ## what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 14

# Up to date as long as neither the requirements nor the locked versions change.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "udaln needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

setup: $(VENV)/.ready  ## .venv with the locked versions

demo: setup  ## fuse the built-in scene and show what came out
	$(BIN)/python scripts/demo.py

test: setup  ## style, types and tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto --dist loadfile

# On its own, since tracing every line makes the tests a third slower.
coverage: setup  ## the tests, and the lines that they do not reach
	$(BIN)/pytest -n auto --dist loadfile --cov --cov-fail-under=95 --cov-report=term:skip-covered

benchmark: setup  ## cost of a step, time to quality, cost against scene size
	$(BIN)/python scripts/benchmark.py

clean:  ## remove .venv and caches; outputs stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
