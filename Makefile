# Two commands matter: `make demo` and `make test`. `make help` lists the rest.
#
# Everything is installed into .venv, at the versions of constraints.txt. What the program keeps (prepared models, the
# queue, answers, logs) lies in HUNGJURY_HOME, by default the user's data directory, so that `make clean` never loses an
# answer and a second `make demo` starts warm.

SHELL := bash
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) 2>/dev/null)))
BIN := .venv/bin
INPUT ?=
ONCE ?=
PYTEST_ARGS ?=
export INPUT
export RAY_USAGE_STATS_ENABLED := 0

# Installs with the versions of constraints.txt, telling only of what takes long.
define install
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e '$(1)' \
	  2> >(grep --line-buffered -v 'is ignored: it is neither a file nor a directory' >&2) \
	  | awk '/Downloading .*[0-9][0-9]\.[0-9] MB\)|Downloading .* GB\)/ {sub(/^ +/, ""); print "    " $$0; fflush()} \
	         /^Installing collected packages/ {print "    Unpacking " NF - 3 " packages"; fflush()}'
endef

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help venv tools demo test lint types bench peers schema constraints clean purge

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: .venv/.stamp ## Make .venv and install the project into it

tools: .venv/.tools ## The same, with what lint, types and tests need

.venv/.stamp: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python found; install Python 3.11 or newer, or say PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is too old; install Python 3.11 or newer, or say PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "==> Making .venv with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv .venv
	@echo "==> Installing what the program needs into .venv: minutes the first time; large downloads are named"
	$(call install,.)
	@touch $@

.venv/.tools: .venv/.stamp
	@echo "==> Installing what the tests need"
	$(call install,.[dev])
	@touch $@

demo: venv ## Run the whole loop and stay up; INPUT=FILE mines that file, ONCE=1 stops after the campaign
	@echo "==> Starting the demo (state in $$($(BIN)/python -c 'from ensemble.home import home; print(home())'))"
	@exec $(BIN)/hungjury demo $(if $(INPUT),--input "$$INPUT") $(if $(filter-out 0 no false,$(ONCE)),--once)

test: lint types ## Run lint, types and all tests
	@echo "==> Running the tests that need neither the service nor the models, side by side (PYTEST_ARGS=... is added)"
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n logical --maxprocesses 4 --dist loadfile -m 'not service and not models' --durations 15 $(PYTEST_ARGS); \
	aside=$$?; \
	echo "==> Running the tests of service and models, one after the other"; \
	$(BIN)/pytest -m 'service or models' --durations 15 $(PYTEST_ARGS); \
	alone=$$?; \
	case "$$aside $$alone" in "0 0" | "0 5" | "5 0") ;; *) exit 1 ;; esac  # 5: PYTEST_ARGS chose none of these

lint: tools ## Check format, lint rules, import layers, file lengths and words
	@echo "==> Checking the format"
	@$(BIN)/ruff format --check .
	@echo "==> Checking the lint rules"
	@$(BIN)/ruff check .
	@echo "==> Checking that dependencies point one way"
	@$(BIN)/lint-imports
	@echo "==> Checking file lengths and words"
	@$(BIN)/pytest -q tests/house/test_file_lengths.py tests/house/test_words.py

types: tools ## Check the types
	@echo "==> Checking the types"
	@$(BIN)/mypy

bench: tools ## Run the benchmarks (tests/benchmarks/bench_*.py) and print what they measure
	@echo "==> Running the benchmarks, one after the other"
	@$(BIN)/pytest -s -p no:randomly --timeout 3600 -o 'python_files=bench_*.py' tests/benchmarks $(PYTEST_ARGS)

peers: ## Install what benchmarks compare with and the project's own environment cannot hold, into build/peers*
	@"$(PYTHON)" -m venv build/peers
	@build/peers/bin/python -m pip install --disable-pip-version-check --quiet -r tests/benchmarks/peers/requirements.txt
	@"$(PYTHON)" -m venv build/peers-textattack
	@build/peers-textattack/bin/python -m pip install --disable-pip-version-check --quiet -r tests/benchmarks/peers/textattack.txt
	@"$(PYTHON)" -m venv build/peers-label-studio
	@build/peers-label-studio/bin/python -m pip install --disable-pip-version-check --quiet -r tests/benchmarks/peers/label-studio.txt

schema: venv ## Write deploy/hungjury.schema.json again from the configuration classes
	@echo "==> Writing deploy/hungjury.schema.json"
	@$(BIN)/python -c 'import json; from service.config import Config; print(json.dumps(Config.model_json_schema(), indent=2))' \
	  > .schema.json.new && mv .schema.json.new deploy/hungjury.schema.json

constraints: ## Renew constraints.txt with the newest versions that pyproject.toml allows
	@echo "==> Resolving the newest versions in a virtual environment of its own (build/constraints)"
	@"$(PYTHON)" -m venv --clear build/constraints
	@build/constraints/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev,bench]'
	@set -o pipefail; { grep '^#' constraints.txt; build/constraints/bin/python -m pip list --format freeze --exclude pip --exclude hungjury \
	  | sed -e 's/+[a-z0-9.]*$$//' -e 's/^onnxruntime-gpu==\(.*\)/&\nonnxruntime==\1/' | LC_ALL=C sort -f; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt
	@rm -rf build/constraints

clean: ## Remove .venv, caches and build outputs; what the program keeps stays
	@echo "==> Removing .venv, caches and build outputs"
	@rm -rf .venv .test-home build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find ensemble miners service tests -name __pycache__ -type d -prune -exec rm -rf {} +

purge: venv ## Stop the service and delete its state (models, queue, ANSWERS, logs); needs CONFIRM=yes
	@state="$$($(BIN)/python -c 'from ensemble.home import home; print(home())')"; \
	if [ "$(CONFIRM)" != yes ]; then echo "This would delete $$state with every answer in it; say: make purge CONFIRM=yes" >&2; exit 2; fi; \
	echo "==> Stopping the service"; $(BIN)/hungjury down || exit 1; \
	echo "==> Deleting $$state"; rm -rf "$$state"
