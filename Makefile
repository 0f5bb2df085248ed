# `make demo`, `make test`, `make bench`, `make docs`, `make mutants` and `make torture` set up what they need on a fresh machine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MINUTES ?= 5

.PHONY: demo test bench docs mutants torture setup lint types clean

demo: setup  ## the whole job on synthetic photos, in minutes
	$(BIN)/foveamask demo demo

test: setup lint types  ## all checks
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: setup  ## speed and memory on synthetic photos, bench/speed.md
	$(BIN)/python -m benchmarks.speed bench

docs: setup  ## the site of the documentation, site/index.html; a broken link is an error
	$(BIN)/zensical build --clean --strict

mutants: $(VENV)/.mutants  ## which changes of the code no test notices, mutants/report.md
	$(BIN)/python tests/mutation/run.py $(MUTANTS)

torture: setup  ## commands killed, starved and fed damaged files, torture/table.md
	$(BIN)/python -m tests.torture --minutes $(MINUTES) $(TORTURE)

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "setting up $(VENV), once; this may take some minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

$(VENV)/.mutants: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutants]'
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .cache site demo bench mutants torture build dist
