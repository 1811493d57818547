# make lab: everything from nothing to a trained lab experiment.  make test: the tests.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# As many test files at once as there are cores, up to four; a file's tests share what it has trained.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile
INSTALL := -m pip install --quiet --disable-pip-version-check

# Everything is installed with the versions of constraints.txt, build tools too; `make lock` writes it again.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_BUILD_CONSTRAINT := $(PIP_CONSTRAINT)

.PHONY: lab install test test-all test-extras test-latest lock bench faults schema lint clean

lab: $(VENV)/.installed
	$(BIN)/stackfit data fetch fashion_mnist
	$(BIN)/stackfit run gsp631_base
	$(BIN)/stackfit table

install: $(VENV)/.installed

test: $(VENV)/.tested
	$(PYTEST) $(PARALLEL) -m "not slow and not extra"

# the full counts of kills, faults and fuzzing
test-all: $(VENV)/.tested
	$(PYTEST) $(PARALLEL) -m "not extra"

# what needs an optional dependency; installs it
test-extras: $(VENV)/.tested
	$(BIN)/python $(INSTALL) -e '.[slurm,ray,search,jax,mlflow,onnx,crate,tensorboard,notebook,browser]'
	@test -x /usr/bin/chromium || apt-get install --yes --no-install-recommends chromium || \
		{ echo "The report's tests need Debian's chromium. As root: apt-get install chromium" >&2; exit 1; }
	$(PYTEST) -m extra

# the same tests with the newest versions that pyproject.toml allows; says which newer version breaks what
test-latest: export PIP_CONSTRAINT :=
test-latest: export PIP_BUILD_CONSTRAINT :=
test-latest: $(VENV)/bin/python
	$(BIN)/python .ci/latest.py

# constraints.txt again: every package of a new environment with all extras, at its newest allowed version
lock: export PIP_CONSTRAINT :=
lock: export PIP_BUILD_CONSTRAINT :=
lock: $(VENV)/bin/python
	$(BIN)/python .ci/latest.py --lock

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

# every fault that docs/reliability.md lists, really injected; writes that page
faults: $(VENV)/.tested
	PYTHONPATH=tests $(BIN)/python -m faults

# the schema that editors read, again from the dataclasses and the installed Keras
schema: $(VENV)/.installed
	$(BIN)/stackfit schema --fresh --output src/stackfit/experiment.schema.json

lint: $(VENV)/.tested
	$(BIN)/python $(INSTALL) -e '.[dev]'
	$(BIN)/ruff check src tests benchmarks experiments
	$(BIN)/mypy

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "stackfit needs Python 3.11, 3.12 or 3.13. Install one, or run: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python $(INSTALL) -e .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/python $(INSTALL) -e '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) .venv-latest dist build
