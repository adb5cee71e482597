# Every recipe first makes .venv ready (scripts/setup.sh: seconds the first time, nothing later).
#
#   make test PYTHON=/path/to/python3.12     another interpreter than the newest on the PATH
#   make test TESTS="tests/unit/graph"       only some tests
#   make test VENV=.venv-3.12                another folder than .venv

VENV ?= .venv
TESTS ?= tests
export VENV

# The virtual environment decides what is imported, not the caller's shell.
unexport PYTHONPATH PYTHONHOME

RUN := $(VENV)/bin/python -m
DEMO := $(VENV)/bin/python examples/demo/demo.py
GENERATE := $(RUN) lotabots generate --docs docs
BOUNDARIES := $(VENV)/bin/python tests/boundaries.py
CHECK = @printf 'check  %s\n'
# One more process than cores, because many tests wait for what they started. `worksteal` because
# a few tests take most of the time.
PARALLEL ?= --numprocesses $$(expr $$(nproc) + 1) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup demo test check static format-check lint types imports generated validate policy \
	bench soak format generate tools lock clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.* ## ' Makefile | sed -E 's/^([a-z-]+):.* ## /\1|/' | \
		while IFS='|' read -r name text; do printf 'make %-12s %s\n' "$$name" "$$text"; done

setup: ## make .venv ready (every other recipe does this by itself)
	@sh scripts/setup.sh

# Only what plays in it: `make tools` builds the toolboxes of all bots.
demo: TOOLBOXES := build deploy lint security test
demo: setup tools ## watch six commits on their way to production, and what becomes of each
	@$(DEMO)

test: setup ## run all tests
	@$(RUN) pytest $(PARALLEL) $(TESTS)

check: static test ## everything that CI runs

# The parts of `check` that are not tests; `make -k static` runs the rest after a failure too.
static: format-check lint types imports generated validate policy

format-check: setup
	$(CHECK) 'format: ruff format --check'
	@$(RUN) ruff format --check --quiet . || { echo 'cure: make format'; exit 1; }

lint: setup
	$(CHECK) 'lint: ruff check'
	@$(RUN) ruff check --quiet .

types: setup
	$(CHECK) 'types: mypy, strict'
	@$(RUN) mypy --no-error-summary

imports: setup
	$(CHECK) 'layers and forbidden imports: lint-imports'
	@said=$$($(VENV)/bin/lint-imports --no-logo 2>&1) || { echo "$$said"; exit 1; }

generated: setup
	$(CHECK) 'generated files are up to date'
	@$(GENERATE) --check && $(BOUNDARIES) --check || { echo 'cure: make generate'; exit 1; }

validate: setup
	$(CHECK) 'the fleet of this repository'
	@$(RUN) lotabots validate

policy: setup
	$(CHECK) 'what the rules decide: rules/tests'
	@$(RUN) lotabots test --fail-under 95

bench: ## measure against the budgets (adds the packages it compares with)
	@sh scripts/setup.sh bench
	@set -e; for script in benchmarks/bench_*.py; do \
		printf 'bench  %s\n' "$$script"; $(VENV)/bin/python "$$script"; done

soak: setup ## run all tests at their large sizes
	@LOTABOTS_SOAK=1 $(RUN) pytest $(PARALLEL) $(TESTS)

format: setup ## format the code and mend what ruff can mend
	@$(RUN) ruff check --fix --quiet . ; $(RUN) ruff format .

generate: setup ## write the generated files anew
	@$(GENERATE)
	@$(BOUNDARIES)

tools: setup ## build the locked toolboxes of the bots (.lotabots/tools)
	@$(RUN) lotabots tools verify $(TOOLBOXES) >/dev/null 2>&1 || { \
		printf 'setup  the locked toolboxes of the bots ... '; started=$$(date +%s); \
		$(RUN) lotabots tools sync $(TOOLBOXES) >/dev/null || { echo failed; exit 1; }; \
		echo "$$(($$(date +%s) - started)) s"; }

lock: setup ## compile requirements/*.txt from pyproject.toml (LOCK=--upgrade for the newest versions)
	@sh scripts/lock.sh $(LOCK)

clean: ## remove all that make and the tools have written
	@[ ! -d build/tools ] || chmod -R u+w build/tools
	@rm -rf .venv .venv-* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
