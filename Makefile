# The words that people and CI use. `make help` lists them.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.installed
PROCESSES ?= 2
STAGE  ?= dev

.DEFAULT_GOAL := help
.PHONY: help run test test-fast soak check format bench package env clean

help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY)  ## Everything on this machine, until Ctrl-C (PORT, DATA_DIR, ADMIN_PASSWORD, SEED)
	@exec $(PY) -m infra.local.run

test: $(READY)  ## All tests, in two processes (PROCESSES=1 for one)
	$(PY) -m pytest -n $(PROCESSES) --dist loadscope

test-fast: $(READY)  ## The tests for daily work, under a minute
	$(PY) -m pytest -m "not slow"

soak: $(READY)  ## A thousand workers killed over ten thousand jobs, on each transport (SOAK="rabbitmq --jobs 500")
	$(PY) -m tests.contract.soak $(SOAK)

check: $(READY)  ## Lint, format and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(READY)  ## Put the code in the one format
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(READY)  ## Our figures beside a peer's, in one run (BENCH="import training" for the long ones)
	$(PY) -m tests.bench.run $(BENCH)

package: $(READY)  ## What AWS runs, in build/lambda/package (STAGE=dev, staging or prod); needs Python 3.13 or 3.12 beside
	@$(PY) -m infra.aws.package $(STAGE)

env: $(READY)  ## The passwords of docker-compose.yml, in .env; what is there stays
	@$(PY) -m infra.docker.env

clean:  ## Remove the virtual environment, caches and builds; the data in .data stays
	rm -rf $(VENV) build .mypy_cache .ruff_cache .hypothesis

$(READY): requirements.txt functions/requirements.txt infra/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Previsto needs Python 3.11 or newer; say which with PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r infra/requirements.txt
	@touch $@
