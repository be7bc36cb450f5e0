# The words that people and CI use. `make help` lists them.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.installed
PROCESSES ?= 3
STAGE  ?= dev
BASE   ?= origin/main

.DEFAULT_GOAL := help
.PHONY: help run test test-fast soak check format bench package package-check light migrations \
        notebooks browser screenshots tour audit openapi-check images containers rehearse deploy env clean

help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY)  ## Everything on this machine, until Ctrl-C (PORT, DATA_DIR, ADMIN_PASSWORD, SEED)
	@exec $(PY) -m infra.local.run

# Containers often forbid Python to keep what it has compiled: every gateway, worker and kernel that
# the tests start would compile the whole program anew.
test test-fast: export PYTHONDONTWRITEBYTECODE :=

test: $(READY)  ## All tests, in three processes, as they wait a good deal (PROCESSES=1 for one)
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

package-check: $(READY)  ## What would run on AWS, under Lambda's own runtime client, and its template
	$(PY) -m pytest tests/infra/aws

light: $(READY)  ## The API with nothing installed but what its Lambda carries
	$(PY) -m pytest tests/infra/aws/test_light.py

migrations: $(READY)  ## Migrations up, down and up again, without drift
	$(PY) -m pytest tests/infra/test_migrations.py

notebooks: $(READY)  ## Run the notebooks
	$(PY) -m pytest tests/notebooks

browser: $(READY)  ## Pages in a real browser
	$(PY) -m pytest tests/browser

screenshots: $(READY)  ## README's three screenshots; ALL=1 takes every page at both widths, into build
	$(PY) -m infra.tour.screenshots $(if $(ALL),--all)

tour: $(READY)  ## A captioned film through the whole product: build/tour/previsto.mp4
	$(PY) -m infra.tour.video

audit: $(READY)  ## Secrets among what is committed, and libraries with known holes
	$(PY) -m infra.ci.secrets
	$(PY) -m infra.ci.tool pip-audit --strict --requirement functions/requirements.txt

openapi-check: $(READY)  ## Changes of the API since BASE that clients would trip over
	$(PY) -m infra.ci.openapi_check $(BASE)

# Lambda takes neither an index of images, which provenance makes of one, nor those of an ARM laptop.
images: ## The three container images, where there is a container engine
	for target in api worker handler; do \
	    BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --platform linux/amd64 \
	        --file infra/docker/Dockerfile --target $$target --tag previsto-$$target . || exit 1; \
	done

# In a project of its own: what somebody keeps in the usual one's volumes stays.
TRY := docker compose --project-name previsto-try
containers: images env  ## Those and docker-compose.yml, up until the API is ready, and down again
	docker compose config --quiet
	$(TRY) up --detach --no-build --wait --wait-timeout 300 \
	    && curl --fail --silent --show-error http://127.0.0.1:8000/health/ready; status=$$?; \
	[ $$status = 0 ] || $(TRY) logs; $(TRY) down --volumes; exit $$status

rehearse: $(READY)  ## The same where there is none, each in an empty root, and what they start (as root)
	REHEARSE=1 $(PY) -m pytest tests/infra/rehearsal

deploy: $(READY)  ## This version into an AWS account (STAGE, RELEASE; infra/DEPLOY.md)
	$(PY) -m infra.aws.deploy $(STAGE)

env: $(READY)  ## The passwords of docker-compose.yml, in .env; what is there stays
	@$(PY) -m infra.docker.env

clean:  ## Remove the virtual environment, caches and builds; the data in .data stays
	rm -rf $(VENV) build .mypy_cache .ruff_cache .hypothesis

$(READY): requirements.txt functions/requirements.txt infra/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Previsto needs Python 3.11 or newer; say which with PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r infra/requirements.txt
	@touch $@
