# Every target sets up what it needs; no target requires another one to be run first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
SOURCES := studiograph schema resolvers connect services
COMPILE := $(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-header --no-emit-options \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --build-deps-for=editable
RECIPES := $(BIN)/python -m services.compute.docker.recipes
BUILD = $(if $(BASE),--build-arg BASE=$(BASE))
.DEFAULT_GOAL := help
.PHONY: help run test quick soak lint fmt schema docs behaviours demo bench image images images-test lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: $(VENV)/.run ## Set up, migrate, create a demo workspace, print address and token, serve
	@$(BIN)/python -m studiograph serve --demo

test: $(VENV)/.dev ## Run all tests that this machine can run; STUDIOGRAPH_REQUIRE=docker,postgres turns skips into failures
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder $(ARGS)

quick: $(VENV)/.dev ## Run the tests of the domain rules on SQLite, without sockets and processes, under a minute
	$(BIN)/python -m pytest tests/property tests/studios tests/people tests/mutations tests/read tests/store \
		-m "not slow and not postgres" --numprocesses=auto -x -q $(ARGS)

soak: $(VENV)/.dev ## Run 50 rounds (STUDIOGRAPH_SOAK=n: n) with servers and engine killed and frozen at random points; an hour
	STUDIOGRAPH_SOAK=$${STUDIOGRAPH_SOAK:-50} $(BIN)/python -m pytest tests/browser tests/docker tests/faults tests/live -m soak -o faulthandler_timeout=7200 $(ARGS)

lint: $(VENV)/.dev ## Check format, lint rules, types, import contracts, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schema.export --check
	$(BIN)/python -m studiograph.reference --check

fmt: $(VENV)/.dev ## Format the code, and apply the automatic fixes of lint rules
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema: $(VENV)/.run ## Write schema.graphql from the code
	$(BIN)/python -m schema.export

docs: $(VENV)/.run ## Write the pages of docs/ that are made from the code
	$(BIN)/python -m studiograph.reference

behaviours: $(VENV)/.dev ## List the behaviours with their tests, and those without a test
	@$(BIN)/python -m tests.behaviours

demo: $(VENV)/.run ## Run the main job against a new server, and print the time of each step
	@$(BIN)/python -m studiograph demo

bench: $(VENV)/.dev ## Run all benchmarks
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python -m benchmarks.$$(basename $$file .py) || exit 1; done

image: ## Build the container image of the server (BASE=debian:bookworm CERTIFICATES=/path/to/authorities.crt)
	@$(if $(CERTIFICATES),trap 'rm -f certificates.crt' EXIT && cp $(CERTIFICATES) certificates.crt &&) docker build $(BUILD) \
		--tag studiograph:$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) .

images: $(VENV)/.run ## Build the images of the provided templates (NAMES=jupyter, BASE and CERTIFICATES as above)
	@set -e; for image in $(or $(NAMES),$$($(RECIPES))); do $(RECIPES) $$image $(CERTIFICATES) | docker build $(BUILD) --tag studiograph/$$image -; done

images-test: $(VENV)/.dev ## Build each provided image on a local Debian base, and work in it with a browser; then test the other images
	STUDIOGRAPH_REQUIRE=docker,browser $(BIN)/python -m pytest -m "" tests/images \
		$(addprefix tests/docker/test_,jupyter.py tools.py unfit_images.py server_image.py recipes.py) $(ARGS)

lock: $(VENV)/.dev ## Renew the locked versions of the dependencies (ARGS=--upgrade takes the newest)
	PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= $(COMPILE) $(ARGS) --output-file=requirements.txt pyproject.toml
	PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= $(COMPILE) $(ARGS) --extra=dev --constraint=requirements.txt --output-file=requirements-dev.txt pyproject.toml

clean: ## Remove the environment and caches; the data in .studiograph stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The virtual environment, installed from the lock files. A stamp file for each lock file shows whether it must be installed again.
$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) on this machine. On Debian: apt install python3 python3-venv make. Or: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Studiograph needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Use: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make virtual environments. On Debian: apt install python3-venv"; exit 1; }
	@rm -rf $(VENV)
	@echo "Setting up $(VENV) (the first time only) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt pyproject.toml | $(BIN)/python
	@$(PIP) install --quiet --require-hashes --no-deps -r requirements.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@$(PIP) install --quiet --require-hashes --no-deps -r requirements-dev.txt
	@touch $@
