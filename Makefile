# `make demo` runs the main job on an embedded dataset; `make test` checks everything. Each sets itself up first.
PYTHON ?= python3
VENV ?= .venv
APP ?= 1
PORT ?= 5151
export PYTHON VENV

DEMO_DIR := $(CURDIR)/demo_data
# The demo has a database and a plugins folder of its own: nothing of the user's FiftyOne is touched
DEMO_ENV := FIFTYONE_DEFAULT_DATASET_DIR=$(DEMO_DIR)/datasets FIFTYONE_PLUGINS_DIR=$(DEMO_DIR)/plugins \
    FIFTYONE_DATABASE_VALIDATION=false FIFTYONE_DO_NOT_TRACK=true FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS=true

.PHONY: demo test test-slow test-oldest test-label-studio test-cluster setup setup-browser lint typecheck docs unit bench clean

demo: setup
	@mkdir -p $(DEMO_DIR)/plugins && ln -sfn $(CURDIR) $(DEMO_DIR)/plugins/label-quality
	@$(DEMO_ENV) $(VENV)/bin/python scripts/mongod.py $(DEMO_DIR)/mongo $(VENV)/bin/label-quality demo --directory $(DEMO_DIR)/scenes $(if $(filter 0,$(APP)),--open-with "make demo",--app --port $(PORT)) \
	    || { echo "To start the demo afresh: make clean demo"; exit 1; }

test: setup-browser lint typecheck docs unit

setup:
	@scripts/setup.sh

setup-browser:
	@scripts/setup.sh browser

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-cache

# mypy names modules after their folder: the symlink gives the checkout the package's name, whatever it is called
typecheck: setup
	@mkdir -p $(VENV)/typecheck && ln -sfn $(CURDIR) $(VENV)/typecheck/label_quality
	cd $(VENV)/typecheck && MYPYPATH=. ../bin/mypy --config-file $(CURDIR)/pyproject.toml -p label_quality.plugin -p label_quality.operators

# A site of what mkdocs.yml lists, in artifacts/site. Links to the files, so that each lies where its links are right, and
# to the package's folders alone, as the checkout may have another name and holds environments
docs: setup
	@mkdir -p artifacts/docs artifacts/package/label_quality
	@ln -sfn $(addprefix $(CURDIR)/,README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs) artifacts/docs/
	@ln -sfn $(addprefix $(CURDIR)/,__init__.py plugin operators) artifacts/package/label_quality/
	$(VENV)/bin/mkdocs build --strict

# Processes with a MongoDB each; tests/conftest.py says what stays together. One more than cores, as the App's tests mostly
# wait; in the order given there, the longest first: by number of tests, these few would come last. Where an image of
# Python says not to write bytecode, each process that a test starts would compile all that it imports
PYTEST = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder
unit: setup
	$(PYTEST) -m "not slow"

# The longest tests, a quarter of the time of all: walks through all of the App, what is killed at each single write,
# whole benchmarks. Continuous integration runs both
test-slow: setup-browser
	$(PYTEST) -m slow

# All tests but those of the App, with the oldest packages that requirements.txt claims (constraints-oldest.txt), in an
# environment of its own: make test-oldest PYTHON=python3.10
test-oldest: VENV := .venv-oldest-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
test-oldest:
	@CONSTRAINTS=constraints-oldest.txt scripts/setup.sh
	$(PYTEST) --ignore=tests/app

# Against a real Label Studio, a gigabyte in an environment of its own
LABEL_STUDIO := $(CURDIR)/.venv-label-studio
test-label-studio: setup
	@test -x $(LABEL_STUDIO)/bin/label-studio || { $(PYTHON) -m venv $(LABEL_STUDIO) && $(LABEL_STUDIO)/bin/pip install --quiet label-studio; }
	@test -d $(LABEL_STUDIO)/sdk || $(VENV)/bin/pip install --quiet --target $(LABEL_STUDIO)/sdk label-studio-sdk
	LABEL_QUALITY_LABEL_STUDIO=$(LABEL_STUDIO) $(VENV)/bin/python -m pytest tests/annotation/test_label_studio.py tests/app/test_label_studio_in_app.py

# What is lost on a Ray cluster of three nodes on this machine; some minutes
test-cluster: setup
	LABEL_QUALITY_CLUSTER=1 OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest tests/engine/test_ray_faults.py

bench: setup
	@mkdir -p artifacts
	$(VENV)/bin/python -m benchmarks all --json artifacts/bench.json $(if $(CAMVID),--camvid $(CAMVID))

clean:
	rm -rf $(DEMO_DIR) artifacts .pytest_cache .mypy_cache .ruff_cache
