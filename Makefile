# Each target sets up what it needs in .venv first (tools/bootstrap.py); a second run starts at once.

PYTHON ?= $(shell command -v python3 || command -v python3.12 || command -v python3.11)
ifeq ($(strip $(PYTHON)),)
$(error no Python was found: install Python 3.11 or 3.12 (sudo apt install python3 python3-venv))
endif
SETUP := $(PYTHON) -m tools.bootstrap
IN_TEST := $(SETUP) --quiet test --
IN_ROS := $(SETUP) --quiet ros --

SAMPLE := samples/lankershim
CITY := samples/city
OUT := out/demo
BENCHMARK_OUT := out/benchmark
AGENTS := 64

.DEFAULT_GOAL := help
.PHONY: help demo test lint config benchmark clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  Variables: PYTHON=/path/to/python3.11, AGENTS=64 (benchmark)'

demo: ## predictions for a recorded intersection and for a simulated city: bags, reports, figures
	@$(SETUP) demo -- -m prediction_node replay $(CITY)/bag --map $(CITY)/map.osm --out $(OUT)/city
	@$(SETUP) --quiet demo -- -m prediction_node replay $(SAMPLE)/bag --map $(SAMPLE)/map.osm --out $(OUT)
	@echo 'The learned predictor beside the kinematic one, in the simulated city:'
	@$(SETUP) --quiet demo -- -m prediction_node evaluate bags --data $(CITY)/bag --engine onnx --json $(OUT)/engines.json

test: lint ## everything CI checks: ruff, mypy, pytest
	@$(IN_TEST) -m pytest

lint: ## ruff and mypy alone
	@$(SETUP) test
	@$(IN_TEST) -m ruff check .
	@$(IN_TEST) -m ruff format --check .
	@$(IN_TEST) -m mypy

config: ## write config/prediction.yaml anew from the declared parameters
	@$(SETUP) demo
	@$(SETUP) --quiet demo -- -c "from prediction_node import config; print(config.to_yaml(), end='')" > config/prediction.yaml

benchmark: ## time codec, fusion and the node's cycle on this machine
	@$(SETUP) ros
	@mkdir -p $(BENCHMARK_OUT)
	@$(IN_ROS) -m prediction_node benchmark codec --agents $(AGENTS) --json $(BENCHMARK_OUT)/codec.json
	@$(IN_ROS) -m prediction_node benchmark fusion --agents $(AGENTS) --json $(BENCHMARK_OUT)/fusion.json
	@$(IN_ROS) -m prediction_node benchmark cycle --agents $(AGENTS) --json $(BENCHMARK_OUT)/cycle.json

clean: ## remove results, builds and .venv
	rm -rf out build install log .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
