# Each target makes its own environment first. VENV=dir puts it elsewhere, PYTHON=python3.12 takes another interpreter.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
WORKERS ?= 2
INSTALLED := $(VENV)/.installed

.PHONY: demo test chaos check

demo: $(INSTALLED)
	$(BIN)/quantd demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

chaos: $(INSTALLED)
	$(BIN)/python -m pytest -m chaos -n $(WORKERS) --dist loadfile

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/quantd check

# pip knows a private index from its own config, which uv does not read: hence the second way.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'quantd needs Python 3.11 or later with its venv and ensurepip modules (on Debian: apt-get install python3-venv);'; \
	  echo 'name another interpreter with make PYTHON=...'; exit 1; } >&2
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode -c constraints.txt -e '.[dev]' \
	  || $(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@
