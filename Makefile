# Everything sets itself up: `make demo` and `make test` are all that a new user types.
#
#   make demo [INPUT=access.log] [OUT=build/demo] [KEEP=1]   the whole pipeline on this machine
#   make demo MIX=web_log=5,sensor=3 [EVENTS=10000]         the same with made-up events of many sources
#   make test                                               every test
#   make test-spark4                                        the Spark jobs' tests on Spark 4 (ANSI mode)
#   make soak [KILLS=10]                                    kills the Spark process at more times than `make test`
#   make bench [BENCH=synth]                                benchmarks against named peers (benches/)
#   make lint                                               ruff, types, import rules, gates over the templates
#   make bootstrap|synth|diff|deploy|destroy [ENV=dev]      the stacks, on AWS
#   make destroy ENV=prod [YES=prod]                        asks for the name, or takes it from YES
#   make lock                                               write the pins anew
#   make clean                                              remove what the targets made

PYTHON ?= python3
OUT    ?= build/demo
EVENTS ?= 10000
SOURCE ?= web_log
# Of what a MIX makes, such as web_log=5,sensor=3,change_data=2,app_event=4.
BAD        ?= 1%
LATE       ?= 2%
DUPLICATES ?= 1%
ENV    ?= dev
KILLS  ?= 10

VENV      := .venv
BIN       := $(VENV)/bin
RUNTIME   := $(VENV)/.runtime-installed
DEV       := $(VENV)/.dev-installed
# A gate that pins an old boto3, so that it lives apart.
CHECKOV   := .venv-checkov/.installed
# Another Spark, so another environment: one holds one PySpark.
SPARK4    := .venv-spark4/.installed
TOOLCHAIN := .tidelake/toolchain.json
# The venv's own pip, at one version, so that resolving and building are the same everywhere. It
# tells errors alone: setuptools warns at length of what an editable install is.
PIP       := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
PIP_PIN   := pip==26.3

.PHONY: help setup demo test test-spark4 soak bench lint on-aws bootstrap synth diff deploy destroy lock clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

setup: $(DEV) $(CHECKOV) $(TOOLCHAIN)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "tidelake needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11" >&2; exit 2; }
	@echo "Setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.txt constraints.txt build-constraints.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the pinned packages (about a minute)"
	@$(PIP) install $(PIP_PIN)
	@$(PIP) install -c constraints.txt --build-constraint build-constraints.txt -r requirements.txt -e .
	@touch $@

$(DEV): requirements-dev.txt constraints.txt $(RUNTIME)
	@echo "Installing the test and lint packages"
	@$(PIP) install -c constraints.txt -r requirements-dev.txt
	@touch $@

$(CHECKOV): requirements-checkov.txt constraints-checkov.txt | $(VENV)/bin/python
	@echo "Installing checkov (half a minute)"
	@$(VENV)/bin/python -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet --quiet install $(PIP_PIN)
	@$(@D)/bin/python -m pip --quiet --quiet install -c constraints-checkov.txt -r requirements-checkov.txt
	@touch $@

# All pins but those of Spark; the processes of the local AWS stay on Spark 3.5.
$(SPARK4): requirements-spark4.txt constraints.txt tidelake/local/spark4-jars.lock $(RUNTIME)
	@echo "Installing Spark 4 and its Iceberg (some minutes)"
	@$(VENV)/bin/python -m venv $(@D)
	@sed '/^\(pyspark\|py4j\)==/d' constraints.txt > $(@D)/constraints.txt
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet --quiet install $(PIP_PIN)
	@$(@D)/bin/python -m pip --quiet --quiet install -c $(@D)/constraints.txt -r requirements-spark4.txt
	@$(@D)/bin/python -m tests.spark_jobs.spark_release
	@touch $@

$(TOOLCHAIN): package-lock.json tidelake/local/spark-jars.lock $(RUNTIME)
	@$(BIN)/tidelake local setup
	@touch $@

# File names reach the shell through its environment: whatever they hold, they are names.
demo: export DEMO_INPUT = $(value INPUT)
demo: export DEMO_OUT = $(value OUT)
demo: export DEMO_MIX = $(value MIX)
demo: $(RUNTIME) $(TOOLCHAIN)
	@$(BIN)/tidelake demo --source $(SOURCE) $(if $(value INPUT),--file "$$DEMO_INPUT",--events $(EVENTS)) \
	  $(if $(value MIX),--mix "$$DEMO_MIX" --bad $(BAD) --late $(LATE) --duplicates $(DUPLICATES)) \
	  --out "$$DEMO_OUT" $(if $(KEEP),--keep)

# jsii, under the CDK, takes the Node that stands on PATH: here the one that the set-up found.
WITH_NODE = PATH="$$($(BIN)/tidelake local setup --print-path):$$PATH"

# Files are shared out among workers, each with a local AWS and a Spark of its own.
WORKERS = -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: setup
	@$(WITH_NODE) $(BIN)/pytest $(WORKERS)

test-spark4: $(SPARK4)
	@$(dir $(SPARK4))bin/python -m pytest tests/spark_jobs --ignore tests/spark_jobs/test_processes.py

soak: setup
	@$(WITH_NODE) TIDELAKE_TEST_KILLS=$(KILLS) $(BIN)/pytest tests/spark_jobs/test_processes.py

bench: setup
	@$(WITH_NODE) $(BIN)/python -m benches$(if $(BENCH),.$(BENCH))

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(WITH_NODE) $(BIN)/pytest tests/infra/gates

# The pinned CDK CLI, run by the Node that the set-up found.
CDK = $(WITH_NODE) node_modules/.bin/cdk --no-notices

synth: $(RUNTIME) $(TOOLCHAIN)
	@$(CDK) synth --quiet -c environment=$(ENV)

# An account would be charged for what is meant for this machine, and `destroy` would not find it.
on-aws:
	@[ "$(ENV)" != local ] || { echo "ENV=local runs on this machine: \`make demo KEEP=1\` deploys it; give another ENV" >&2; exit 2; }

bootstrap: on-aws $(RUNTIME) $(TOOLCHAIN)
	@arguments=$$($(BIN)/python -m stacks.bootstrap $(ENV)) && $(CDK) bootstrap $$arguments -c environment=$(ENV)

diff deploy: on-aws $(RUNTIME) $(TOOLCHAIN)
	@$(CDK) $@ --all -c environment=$(ENV)

destroy: $(RUNTIME) $(TOOLCHAIN)
	@$(BIN)/tidelake destroy --environment $(ENV) $(if $(YES),--yes "$(YES)")

# The pins of everything that the requirements pull in, from an empty environment.
lock:
	@rm -rf build/lock && $(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install --quiet $(PIP_PIN)
	@build/lock/bin/python -m pip install --quiet --build-constraint build-constraints.txt -r requirements.txt -r requirements-dev.txt
	@{ echo "# Written by 'make lock': every package that the requirements pull in."; \
	   build/lock/bin/python -m pip freeze; } > constraints.txt
	@rm -rf build/lock && $(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install --quiet -r requirements-checkov.txt
	@{ echo "# Written by 'make lock': checkov, and every package that it pulls in."; \
	   build/lock/bin/python -m pip freeze; } > constraints-checkov.txt
	@rm -rf build/lock

clean:
	@if [ -x $(BIN)/tidelake ]; then $(BIN)/tidelake local down; fi
	@rm -rf $(VENV) .venv-checkov .venv-spark4 .ivy-spark4 node_modules build cdk.out .tidelake .ivy *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
