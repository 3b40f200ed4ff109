# Two commands for a newcomer: `make demo` and `make test`. Both build what is missing; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# Outside the checkout, so that a second clone or a `make clean` does not compile the curve library again.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/proofward/cargo-target
KERNEL := prover/kernel
KERNEL_SOURCES := $(shell find $(KERNEL) -name '*.rs' -o -name 'Cargo.*' | grep -vE '/(target|fuzz)/')
FUZZ := $(KERNEL)/fuzz
FUZZ_SECONDS ?= 10
CONTRACTS := attestation/contracts
PACKAGES := protocol circuits privacy prover mpc_nodes attestation api proofward
NPM := $(shell command -v npm 2>/dev/null)
# The first interpreter on the path that is new enough; a version manager's placeholder fails the test and is passed over.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -q

.PHONY: help build demo test fuzz soak lint format lock proto proto-check kernel-test contracts clean

help:
	@echo "make demo         four hospitals, three queries, three audits, one forgery refused"
	@echo "make test         every test: Rust, then Python"
	@echo "make lint         ruff, mypy, rustfmt, clippy, generated files up to date"
	@echo "make fuzz         every decoder of the kernel, FUZZ_SECONDS each"
	@echo "make soak         long randomised campaigns, mutants of the verifiers, fuzzing"
	@echo "make build        the virtual environment, the kernel, the command $(BIN)/proofward"
	@echo "make kernel-test  the Rust tests alone"
	@echo "make format       apply ruff and rustfmt"
	@echo "make lock         choose dependency versions anew and write requirements.lock"
	@echo "make proto        generate the wire messages from the .proto file"
	@echo "make clean        remove what these commands made inside this directory"

build: $(VENV)/.kernel

$(VENV)/.installed: requirements.lock
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or later with the venv module is needed" >&2; exit 2; }
	@test -x $(BIN)/python || { echo "== creating $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); }
	@echo "== installing the locked dependencies (about a minute)"
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --require-hashes -r requirements.lock \
		| sed -un -e 's/^Collecting \([^ ]*\).*/   \1/p' -e 's/^Installing collected packages.*/   installing .../p'
	@touch $@

$(VENV)/.kernel: $(VENV)/.installed $(KERNEL_SOURCES) pyproject.toml
	@command -v cargo >/dev/null || { echo "error: a Rust toolchain (cargo) is needed" >&2; exit 2; }
	@echo "== building the kernel (about two minutes the first time)"
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maturin develop --release --locked \
		| grep -vE '^(Requirement already|Ignoring|Looking in)'
	@touch $@

# Contract compiler and test node: used where npm is present, not needed otherwise.
contracts: $(if $(NPM),$(CONTRACTS)/node_modules/.package-lock.json)
ifndef NPM
	@echo "== npm is not installed: the contract is not recompiled, tests on anvil are skipped"
endif

$(CONTRACTS)/node_modules/.package-lock.json: $(CONTRACTS)/package-lock.json
	@echo "== installing the contract compiler and anvil"
	@cd $(CONTRACTS) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

demo: build
	@$(BIN)/proofward demo $(DEMO_OPTIONS)

test: build contracts kernel-test
	@echo "== Python tests ($(WORKERS) workers)"
	@$(PYTEST) -m "not soak"

soak: build contracts
	@HYPOTHESIS_PROFILE=soak $(PYTEST) -m soak --timeout 3600
	@$(FUZZ)/run 300

fuzz:
	@$(FUZZ)/run $(FUZZ_SECONDS)

kernel-test:
	@echo "== Rust tests"
	@cargo test --locked --quiet --manifest-path $(KERNEL)/Cargo.toml

lint: build contracts proto-check
	@echo "== ruff";    $(BIN)/ruff check .
	@                 $(BIN)/ruff format --check .
	@echo "== mypy";    $(BIN)/mypy $(PACKAGES) tests benchmarks examples
	@echo "== rustfmt"; cargo fmt --check --manifest-path $(KERNEL)/Cargo.toml
	@                 cargo fmt --check --manifest-path $(FUZZ)/Cargo.toml
	@echo "== clippy";  cargo clippy --locked --quiet --all-targets --manifest-path $(KERNEL)/Cargo.toml -- -D warnings
	@                 cargo clippy --locked --quiet --features python --manifest-path $(KERNEL)/Cargo.toml -- -D warnings
	@                 cargo clippy --locked --quiet --all-targets --manifest-path $(FUZZ)/Cargo.toml -- -D warnings
ifdef NPM
	@echo "== contract artefacts"; cd $(CONTRACTS) && npm run --silent check
endif
	@echo "lint: OK"

format: build
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .
	@cargo fmt --manifest-path $(KERNEL)/Cargo.toml

# uv resolves for every platform at once; it is a tool of whoever changes the lock, not a dependency.
lock:
	@command -v uv >/dev/null || test -x $(BIN)/uv || { echo "error: uv is needed (pip install uv)" >&2; exit 2; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" uv pip compile pyproject.toml --extra dev --extra demo --extra pandas --extra plot --extra oracles \
		--universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --upgrade --quiet -o requirements.lock

PROTOC = $(BIN)/python -m grpc_tools.protoc -I. --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy \
	--python_out=$(1) --mypy_out=quiet:$(1) --grpc_python_out=$(1) protocol/wire/relay.proto

proto: build
	@$(call PROTOC,.)

proto-check: build
	@echo "== generated wire messages"
	@new=$$(mktemp -d); trap 'rm -rf "$$new"' EXIT; $(call PROTOC,$$new); for file in "$$new"/protocol/wire/*; do \
		cmp -s "$$file" "protocol/wire/$${file##*/}" || { echo "error: $${file##*/} is out of date: run make proto" >&2; exit 1; }; \
	done

clean:
	@rm -rf $(VENV) .demo .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info prover/_kernel*.so $(CONTRACTS)/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
