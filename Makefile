# WithThis. `make demo` and `make test` work in a fresh clone with Python 3.11 or newer, make and a package index.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TRAIN_STAMP := $(VENV)/.installed-train
WITHTHIS_PORT ?= 8000
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
export WITHTHIS_PORT

# make demo ENCODER=visualized-bge-base-en WEIGHTS=models/visualized-bge-base-en; see `withthis models list`.
ifdef ENCODER
export WITHTHIS_ENCODER := $(ENCODER)
endif
ifdef WEIGHTS
export WITHTHIS_ENCODER_PATH := $(WEIGHTS)
endif
ifdef TEXT_MODEL
export WITHTHIS_ENCODER_TEXT_MODEL := $(TEXT_MODEL)
endif

.PHONY: help install demo test soak fuzz clients lint format reference bench train-starter evaluate-starter clean

help: ## Show the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One environment, made again only when what it is made from has changed.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("WithThis needs Python 3.11 or newer; call make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || { echo "creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing packages (a few minutes the first time)"
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@

$(TRAIN_STAMP): $(STAMP)
	@$(PIP_INSTALL) --editable '.[dev,train]'
	@touch $@

install: $(STAMP) ## Create .venv and install everything

demo: $(STAMP) ## Build and index the demo shop, serve it, run a first composed query (ENCODER=, WEIGHTS=)
	@$(BIN)/withthis demo

# Tests use one thread each, in one process more than there are cores, for a third of the time is spent waiting, but no
# more than four: each holds the models.
test: $(STAMP) ## Run the whole test suite
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) --maxprocesses 4

soak: $(STAMP) ## Tests that take minutes: Milvus server, chaos, memory under hostile input
	@$(BIN)/python -m pytest -m soak

fuzz: $(STAMP) ## Some 4,000 requests generated from the OpenAPI document
	@FUZZ_CASES=250 $(BIN)/python -m pytest -q tests/contract/test_fuzz.py

clients: $(STAMP) ## Real clients of other services against a service (CLIENTS="openai cohere-7")
	@$(BIN)/python -m tests.clients $(CLIENTS)

lint: $(STAMP) ## Style, types and the direction of imports
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## Format the code and fix what ruff can fix
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m ruff format .

bench: $(STAMP) ## All benchmarks, into benchmarks/RESULTS.md (TABLES="stages parser", SIZE=quick, AGAIN=1, BASE=commit)
	@$(if $(BASE),WITHTHIS_BENCH_BASE=$(BASE)) $(BIN)/python -m benchmarks $(TABLES) $(if $(SIZE),--size $(SIZE)) $(if $(AGAIN),--again)

train-starter: $(TRAIN_STAMP) ## Train the starter models again (STAGES=heads: that alone; PHOTOS=folder: on photographs, too)
	@$(BIN)/python -m starter.train $(STAGES) $(if $(PHOTOS),--photos $(PHOTOS))

evaluate-starter: $(STAMP) ## Quality of the starter models: held-out motifs, the demo shop (PHOTOS=folder: photographs)
	@$(BIN)/python -m benchmarks.quality $(if $(PHOTOS),--photos $(PHOTOS))
	@$(BIN)/python -m benchmarks.captions

reference: $(STAMP) ## Write docs/reference.md from the code
	@$(BIN)/python docs/make_reference.py

clean: ## Remove caches and the demo data (the environment stays)
	@rm -rf .withthis .pytest_cache .mypy_cache .ruff_cache .hypothesis
