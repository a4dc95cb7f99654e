# `make` regenerates every figure, `make test-all` checks everything; both set up .venv first.
PYTHON ?= python3
CORES ?= all
# Of tests, for two cores: much of a workflow's time is waiting.
WORKERS ?= 3
AGAINST ?= docs/gallery
TORCH ?= 2.13.0

# The one that torch $(TORCH) for CUDA asks for, so that others compile and test what its users run.
TRITON := 'triton==3.7.1; sys_platform == "linux"'

BIN := .venv/bin
INSTALLED := .venv/installed
# The optimal choice of the next jobs takes longer than it saves where all are short.
SMOKE := --configfile tests/workflow/smoke.yaml --scheduler greedy
# A file's tests in one process, which makes its fixtures once; kills, in one file, wait for another.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
PIP := -m pip --quiet --disable-pip-version-check

.PHONY: all plan setup style test test-all test-slurm test-nightly verify quick smoke extensions \
	multiverse rebased rebased-tuning report gallery check-gallery archive reuse benchmark lock clean

all: setup
	$(BIN)/snakemake --cores $(CORES)

# What `make` would take, and which results it would replace: two lines, and nothing is run.
plan: setup
	$(BIN)/snakemake --cores $(CORES) --dry-run --quiet rules progress

setup: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "Python >= 3.11 is needed: make PYTHON=/path/to/it")'
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) install --requirement requirements.lock $(TRITON)
	$(BIN)/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# A module and the whole DAG on small settings; 3 kills of a run and 10 random settings.
test: style
	$(PYTEST) -m "not slow and not slurm"

# With all that is slow: 20 kills and 50 random settings, the targets that `all` leaves out, the
# worked examples, a browser, which is installed as Slurm is.
test-all: style
	@tests/workflow/install.sh "The report in a browser" chromium chromium
	$(PYTEST) -m "not slurm"

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The smoke DAG through a Slurm of one node. As root on Debian or Ubuntu it installs the packages;
# where it cannot, it says that nothing was tested.
test-slurm: setup
	@tests/workflow/install.sh Slurm "slurmctld slurmd munged" "slurm-wlm munge"
	$(BIN)/python -m pytest -m slurm

# More random settings than there is time for in `make test-all`: 500.
test-nightly: setup
	NIGHTLY=1 $(PYTEST) tests/workflow/test_fuzz.py

# Whether results are whole and the published ones, a line for each table: `make verify
# AGAINST=folder` takes those of another folder. Rebased tables are there after `make rebased`.
# `make verify ARCHIVE=file` checks an archive instead.
verify: setup
	$(BIN)/python -m workflow.archive verify $(ARCHIVE)
	$(if $(ARCHIVE),,$(BIN)/python -m scb verify results $(AGAINST))

# The claims as printed over 32 replicates, and the figures behind them.
quick: setup
	$(BIN)/snakemake --cores $(CORES) --configfile presets/quick.yaml

smoke: setup
	$(BIN)/snakemake --cores $(CORES) all rebased rebased_tuning $(SMOKE)

# The second paper, ReBased: see docs/rebased.md for what it takes.
rebased: setup
	$(BIN)/snakemake --cores $(CORES) rebased

# Its learning rates, on the tuning seed: what is chosen is for config.yaml (docs/rebased.md).
rebased-tuning: setup
	$(BIN)/snakemake --cores $(CORES) rebased_tuning
	mkdir -p docs/tuning
	cp results/rebased_rates.yaml results/rebased_rates_statistics.parquet docs/tuning/

# The wider sweeps; what they share with the replication is run first, if it is not there yet.
extensions: setup
	$(BIN)/snakemake --cores $(CORES) extensions

# All readings of figure 1, and what other values would do: the tuning behind the claims.
multiverse: setup
	$(BIN)/snakemake --cores $(CORES) multiverse

# With what is not part of `all`, where it has been made.
report: all
	made=$$(for target in extensions multiverse rebased; do \
	    $(BIN)/snakemake $$target --dry-run | grep -q 'Nothing to be done' && echo $$target; done); \
	PYTHONPATH=.:workflow/report $(BIN)/snakemake all $$made \
	    --reporter page --report-page-path report.zip

# Copies figures and claims into docs/gallery, and fills the README and documents from them.
gallery: all
	$(BIN)/python -m workflow.gallery

# Whether they are what the published tables, this code and these settings say.
check-gallery: setup
	$(BIN)/python -m workflow.gallery --check

# Results, figures and the report, if it has been made, in archive.zip: see docs/reuse.md.
archive: all
	$(BIN)/python -m workflow.archive make

# Results that were copied here, or those of `make reuse ARCHIVE=file`, are taken for made here.
reuse: setup
	$(BIN)/python -m workflow.archive reuse $(ARCHIVE)

# Minutes, on a machine that does nothing else; writes results/benchmark.json, .pdf and .png.
benchmark: setup
	$(BIN)/python -m benchmarks.benchmark

# Exact versions of everything, from what pyproject.toml allows in an empty environment. torch
# moves only when told to: it is large, and results agree to the last digit within a version only.
# Left out is what depends on the machine: the build of torch (+cpu and the like) and the CUDA
# libraries, whose versions each build pins itself.
lock:
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python $(PIP) install --editable '.[test,slurm]' torch==$(TORCH)
	.venv-lock/bin/python -m pip freeze --all --exclude-editable --exclude pip > .venv-lock/frozen
	{ echo "# Made by 'make lock': do not edit."; \
	  grep -v -E '^(cuda|nvidia|triton)' .venv-lock/frozen | sed 's/+[^+]*$$//'; } > requirements.lock
	rm -rf .venv-lock

# Outputs only: .venv stays.
clean:
	rm -rf results figures quick smoke tuning gpu report.zip archive.zip .snakemake
