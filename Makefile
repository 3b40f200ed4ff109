# Two commands for a newcomer: `make demo` and `make test`. Both build what is missing.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
export CARGO_TARGET_DIR ?= $(HOME)/.cache/proofward/cargo-target
KERNEL_SOURCES := $(shell find prover/kernel -name '*.rs' -o -name 'Cargo.*' 2>/dev/null | grep -v /target/)

.PHONY: build demo test lint soak clean lock format

build: $(VENV)/.installed $(VENV)/.kernel

$(VENV)/.installed: requirements.lock
	@test -x $(BIN)/python || python3 -m venv $(VENV)
	@echo "installing locked dependencies ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.kernel: $(VENV)/.installed $(KERNEL_SOURCES) pyproject.toml
	@echo "building the kernel ..."
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked --quiet
	@touch $@
