# Every target sets up what it needs in .venv and uses it again the next time.
PYTHON ?= python3
# Compiled modules are kept even where the shell says otherwise: every process of the tests would compile them again.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help pictures demo test test-again test-slow up bench lint types layers definitions format clean env

help:
	@echo "make demo        run everything once: from an empty folder to promoted models, predictions and a forecast"
	@echo "make up          run the pages and API, the Dagster UI, MLflow and the prediction service until Ctrl-C"
	@echo "make test        run the tests"
	@echo "make test-again  run the tests that failed last time, one at a time"
	@echo "make test-slow   run the tests that take minutes: a simulated month, restarts during training, the images"
	@echo "make lint        check format, style, types, import contracts and definitions"
	@echo "make env         write .env with made-up passwords, for docker compose up"
	@echo "make bench       measure against the named baselines and write docs/benchmarks.md"
	@echo "make pictures    take the pictures in docs/images from the demo's pages"

demo: $(VENV)/.installed
	$(BIN)/cs2 demo

up: $(VENV)/.installed
	$(BIN)/cs2 up

pictures: $(VENV)/.installed-dev
	$(BIN)/python -m docs.pictures

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

test-again: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow -s

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory --jobs 2 types layers definitions

types layers definitions: $(VENV)/.installed-dev

types:
	$(BIN)/mypy

layers:
	$(BIN)/lint-imports

definitions:
	$(BIN)/dagster definitions validate -w workspace.yaml

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

env: .env
	@chmod -R go+rX deploy

.env:
	@umask 077; $(PYTHON) -c 'import pathlib, re, secrets; \
		example = pathlib.Path(".env.example").read_text(); \
		filled = re.sub(r"(?m)^(\w+_PASSWORD)=$$", lambda found: found[0] + secrets.token_hex(24), example); \
		pathlib.Path(".env").write_text(filled)'
	@echo "wrote .env with made-up passwords; next: docker compose build && docker compose up -d"

clean:
	rm -rf $(VENV) .cs2

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "python3 -m venv failed; on Debian: apt install python3-venv"; exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV) …"
	$(INSTALL) -e '.[pipeline,serving,demos,rocket-league]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV) …"
	$(INSTALL) -e '.[pipeline,serving,demos,sqlserver,dev]'
	@touch $(VENV)/.installed $@
