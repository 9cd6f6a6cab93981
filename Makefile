# `make up` starts the platform, `make test` checks everything. Recipes need nothing but a POSIX shell.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help up down status samples test lint unit engine prove scan e2e bench contracts lock tools site screenshots workflows

PYTHON := .venv/bin/python
# Packages of services, such as nova_audio: each has an API.
APPLICATIONS := $(notdir $(wildcard services/*/src/nova_*))
# Prints what runs and how long it took; fails as the command does.
RUN := scripts/timed

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## start the platform on this machine
	@scripts/install-system
	@./nova up

down: ## stop it; data stays
	@./nova down

status: ## show whether it is healthy
	@./nova status

samples: tools ## make the recordings and the video in samples/ again (needs flite)
	@scripts/make-samples

test: tools ## check everything: lint, unit tests, whole platform
	@$(RUN) "lint" $(MAKE) --no-print-directory lint-only
	@$(RUN) "the site: types, rules, tests" scripts/test-frontend
	@$(RUN) "unit tests" $(MAKE) --no-print-directory unit-only
	@$(RUN) "stores on DynamoDB Local" scripts/test-dynamodb-local
	@$(RUN) "program start" $(PYTHON) -m benchmarks.program_start --runs 2 --at-most 1.5
	@$(RUN) "the real engine" $(MAKE) --no-print-directory engine-only
	@$(RUN) "an independent scanner" $(MAKE) --no-print-directory scan-only
	@$(RUN) "whole platform" $(MAKE) --no-print-directory e2e-only

lint: tools lint-only ## format, lint, types, import directions, dead code
unit: tools unit-only ## tests without a running platform
engine: tools engine-only ## the program on the real Pulumi engine, where `pulumi` is on PATH
prove: tools ## every stack on the real Pulumi engine, requests of all forms, races for payments, long recordings, a rebuild of 10,000 events (up to an hour)
	@$(RUN) "every stack on the real engine" env NOVA_ENGINE_STACKS="local dev prod" $(MAKE) --no-print-directory engine-only
	@$(RUN) "requests of all forms" env NOVA_TEST_API_EXAMPLES=100 $(PYTHON) -m pytest -q -n auto -k test_the_api_does_what_it_says tests/services
	@$(RUN) "what takes long without it" $(PYTHON) -m pytest -v -m "exhaustive and not e2e" --timeout 900 tests/services tests/local_cloud
	@$(RUN) "what takes long on the whole platform" $(PYTHON) -m pytest -v -m exhaustive --timeout 600 tests/e2e
	@$(RUN) "a rebuild of 10,000 events" env NOVA_TEST_REBUILD_EVENTS=10000 scripts/test-dynamodb-local -k none_is_lost
scan: tools scan-only ## ask an independent scanner (checkov) about the stacks in AWS, and try that it finds what is wrong
	@$(RUN) "what the scanner finds" $(PYTHON) -m pytest -q -n0 -m scanner tests/scanner
screenshots: tools ## make the README's pictures of the site again
	@scripts/test-frontend packages
	@$(PYTHON) -m tests.e2e.screenshots
site: tools ## types, rules and tests of the site, without a running platform
	@scripts/test-frontend
e2e: tools e2e-only ## tests of the whole platform, in a home and on ports of their own

workflows: ## look for mistakes and openings in .github (needs Go for one of the two)
	@scripts/test-environment
	@scripts/check-workflows --all

bench: tools ## measure what there are limits for (CPU of a program start, of judging a stack)
	@$(PYTHON) -m benchmarks.program_start
	@$(PYTHON) -m benchmarks.policy_pack --sdk

lock: ## after a pyproject.toml was edited or added: renew the lists of packages and uv.lock, and install what they say
	@./nova --lock
	@$(RUN) "environment" scripts/test-environment

contracts: tools ## write the services' OpenAPI documents (docs/api) again
	@mkdir -p docs/api
	@for package in $(APPLICATIONS); do \
		name=$$(echo $${package#nova_} | tr _ -) && \
		$(PYTHON) -m nova_common.openapi $$package.app > docs/api/$$name.json || exit 1; \
	done
	@scripts/test-frontend contracts

tools:
	@scripts/install-system flite chromium
	@$(RUN) "environment" scripts/test-environment

.PHONY: lint-only unit-only engine-only scan-only e2e-only
lint-only:
	@$(RUN) "ruff format" $(PYTHON) -m ruff format --check --quiet .
	@$(RUN) "ruff check" $(PYTHON) -m ruff check --quiet .
	@$(RUN) "pyright" $(PYTHON) -m pyright --project pyright.workspace.json --warnings
	@$(RUN) "lint-imports" .venv/bin/lint-imports
	@$(RUN) "vulture" $(PYTHON) -m vulture
	@$(RUN) "workflows" scripts/check-workflows

unit-only:
	$(PYTHON) -m pytest -q -n auto --dist loadfile -m "not e2e and not engine and not exhaustive and not scanner" tests

engine-only:
	$(PYTHON) -m pytest -q -m engine tests/engine

scan-only:
	@./nova scan --stack dev
	@./nova scan --stack prod

e2e-only:
	@scripts/test-frontend packages
	$(PYTHON) -m pytest -v -m "e2e and not exhaustive" --timeout 600 tests/e2e
