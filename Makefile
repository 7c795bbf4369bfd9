# The menu of this repository. `make run` and `make test` set up everything that they need by themselves.

.DEFAULT_GOAL := help
BIN := .venv/bin
READY := .venv/.ready
ARGS ?=
EVERYWHERE := tests/integration tests/unit
T ?= $(EVERYWHERE)
# Two files at a time: many tests wait, few need a core of their own. Another number: make test ARGS=--numprocesses=4
# (and in this order: what takes long comes first, so that both end together).
SIDE_BY_SIDE := --numprocesses=2 --dist=loadfile --no-loadscope-reorder

# A copied or moved checkout brings a .venv that points at the old place.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

$(READY): pyproject.toml requirements.lock requirements-uv.lock scripts/setup.sh
	@sh scripts/setup.sh

.PHONY: help
help: ## Show this list
	@printf 'Webhook Core: receives WhatsApp webhooks, keeps them safe, routes and delivers them.\n\n'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '%-24s%s\n' "$$name" "$$text"; done
	@printf '\nOptions go through ARGS, for example: make run ARGS="--port 8090 --data-dir /srv/webhookcore"\n'

.PHONY: setup
setup: $(READY) ## Prepare everything that run and test need (.venv from requirements.lock)
	@echo 'Ready. Next: make run, or make test'

.PHONY: run
run: $(READY) ## Run the whole system on this machine: Postgres, router, example services, jobs
	@$(BIN)/webhookcore run $(ARGS)

.PHONY: demo
demo: $(READY) ## Play a recorded day through the whole system and check what became of every event
	@$(BIN)/python -m demo $(ARGS)

.PHONY: test
test: $(READY) ## Run every test, with line and branch coverage (fails under 95 %), and those on a cluster where one can be had
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(SIDE_BY_SIDE) $(ARGS) $(T)
ifeq ($(T),$(EVERYWHERE))
	@$(BIN)/coverage run -m tests.cluster test --where-possible $(ARGS)
endif
	@$(BIN)/coverage combine --quiet
	@$(BIN)/python -m scripts.check_coverage

.PHONY: test-unit
test-unit: $(READY) ## Run the tests of pure decisions
	@$(BIN)/pytest $(SIDE_BY_SIDE) $(ARGS) tests/unit

.PHONY: test-integration
test-integration: $(READY) ## Run the tests on a real Postgres and real HTTP services
	@$(BIN)/pytest $(SIDE_BY_SIDE) $(ARGS) tests/integration

.PHONY: test-cluster
test-cluster: $(READY) ## Run the tests on a Kubernetes cluster made for it (CLUSTER=build makes all that takes; KEEP=1 keeps it)
	@$(BIN)/python -m tests.cluster test $(ARGS)

.PHONY: cluster
cluster: $(READY) ## Make a Kubernetes cluster to work with, or bring its image up to date, and show how to use it
	@$(BIN)/python -m tests.cluster up $(ARGS)

.PHONY: image
image: $(READY) ## Build the image (IMAGE=name:tag BASE_IMAGE=python:3.13-slim-bookworm)
	@IMAGE="$(IMAGE)" BASE_IMAGE="$(BASE_IMAGE)" sh scripts/image.sh

.PHONY: bench
bench: $(READY) ## Measure every figure beside its baseline (about 8 minutes, with a cluster 16; FIGURES=ack,dlq for some, QUICK=1 for less)
	@$(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(if $(FIGURES),--figures $(FIGURES)) $(ARGS)

.PHONY: soak
soak: $(READY) ## Run the long fault tests: an hour and more (a tenth of it: SOAK_SHARE=0.1 make soak)
	@$(BIN)/pytest -s $(ARGS) tests/soak

.PHONY: lint
lint: $(READY) ## Check style, types, layers and that requirements.lock is current
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@sh scripts/lock.sh --check

.PHONY: format
format: $(READY) ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

.PHONY: crd
crd: $(READY) ## Make the CustomResourceDefinition (crds/webhookcoreconfigs.yaml) from core's settings
	@$(BIN)/python -m webhookcore_operator.crd
	@$(BIN)/python -m webhookcore_operator.crd charts/webhook-core/files/webhookcoreconfigs.yaml

.PHONY: manifests
manifests: ## Render the chart into build/manifests.yaml, for kubectl apply without Helm (ARGS="--set image.repository=...")
	@sh scripts/manifests.sh $(ARGS)

.PHONY: deploy
deploy: $(READY) ## Bring everything into the cluster of the current kube context, and test it there (CONFIG=your.yaml; see scripts/deploy.sh)
	@scripts/deploy.sh $(ARGS)

.PHONY: lock
lock: $(READY) ## Bring requirements.lock up to date with pyproject.toml (newest versions: ARGS=--upgrade)
	@sh scripts/lock.sh $(ARGS)

.PHONY: clean
clean: ## Remove what was built (.venv, caches); the data of `make run` stays
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
