# The commands of daily work; `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
INSTALLED := .venv/installed
# Django's own checks need settings, but no server: the address below is never reached.
OFFLINE := DJANGO_SETTINGS_MODULE=platform_api.settings.test DATABASE_URL=postgresql://nobody@127.0.0.1:1/none \
	$(BIN)/python -W ignore::RuntimeWarning manage.py
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format hostile faults fault-mutants fuzz clients bench up down status lock openapi openapi-changes compose-secrets compose-smoke clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED) ## Install everything from the package registries into .venv

$(INSTALLED): requirements/development.txt requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Slipway needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing into .venv …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(UV) pip sync --quiet --require-hashes --python $(BIN)/python requirements/uv.txt requirements/development.txt
	@touch $@

demo: $(INSTALLED) ## Play a whole journey and prove it; KEEP=1 leaves the service running
	$(BIN)/python manage.py demo$(if $(filter-out 0,$(KEEP)), --keep)

test: lint ## Lint, then run all tests, in as many processes as there are processors, four at most
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --no-loadscope-reorder

lint: $(INSTALLED) ## Check rooms, style, types, migrations and the OpenAPI document
	$(BIN)/lint-imports --no-logo
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(OFFLINE) makemigrations --check --dry-run
	$(OFFLINE) spectacular --fail-on-warn --validate --file .venv/openapi.yaml
	@diff -q docs/openapi.yaml .venv/openapi.yaml >/dev/null || { $(OFFLINE) openapi_changes docs/openapi.yaml .venv/openapi.yaml; \
		echo "docs/openapi.yaml is behind the code: run make openapi, and look at the difference"; exit 1; }
	@$(MAKE) --no-print-directory openapi-changes

format: $(INSTALLED) ## Mend what the linters can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

hostile: $(INSTALLED) ## Attack a stack with hostile values, bodies, addresses and headers; SHORT=1 takes a sample
	$(BIN)/python -m tests.hostile

faults: $(INSTALLED) ## Break a stack in every way, and prove that no promise is broken; SEED=2, SHORT=1, STAGES="directed random"
	$(BIN)/python -m tests.faults

fault-mutants: $(INSTALLED) ## Put bugs into a stack, and prove that make faults catches each of them
	$(BIN)/python -m tests.faults mutants

fuzz: $(INSTALLED) ## Fuzz a stack from its OpenAPI document, then play 200 lives against the model of it
	$(BIN)/python -m tests.fuzz
	LONG=1 $(BIN)/python -m pytest tests/integration/provisioning/stateful

clients: $(INSTALLED) ## Make clients in Python and TypeScript from the documents of a stack, and order with them
	$(BIN)/python -m tests.clients

bench: $(INSTALLED) ## Measure; NAME=provision says what, and one line of JSON is the result
	$(if $(NAME),,$(error Say what to measure: make bench NAME=provision))$(BIN)/python -m benchmarks.$(NAME)

up: $(INSTALLED) ## Start the whole service on this machine
	$(BIN)/python manage.py up

down: $(INSTALLED) ## Stop it
	$(BIN)/python manage.py down

status: $(INSTALLED) ## Say what runs
	$(BIN)/python manage.py status

openapi: $(INSTALLED) ## Write docs/openapi.yaml anew
	$(OFFLINE) spectacular --fail-on-warn --validate --file docs/openapi.yaml

openapi-changes: $(INSTALLED) ## Say what the document's newest change, or all since SINCE=v1.2.0, breaks
	@old=$(if $(SINCE),$(SINCE),$$(git log -2 --format=%h -- docs/openapi.yaml 2>/dev/null | tail -1)); \
		if git show "$$old:docs/openapi.yaml" >.venv/openapi-old.yaml 2>/dev/null; \
		then $(OFFLINE) openapi_changes .venv/openapi-old.yaml docs/openapi.yaml; \
		else echo "There is no earlier docs/openapi.yaml here to compare with"; fi

lock: $(INSTALLED) ## Pin the dependencies of pyproject.toml anew
	$(LOCK) pyproject.toml --extra embedded -o requirements/runtime.txt
	$(LOCK) --constraints requirements/runtime.txt pyproject.toml --extra embedded --group development -o requirements/development.txt

compose-secrets: ## Make the secrets of docker-compose.yml, once
	$(PYTHON) -m platform_api.embedded.containers.secrets containers/secrets

compose-smoke: ## Build the containers, play the demo in them, take them away again
	PYTHON=$(PYTHON) containers/smoke

clean: ## Remove what was installed and made; the stack's data too
	rm -rf .venv .slipway .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
