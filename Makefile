# `make app` serves the app, `make test` passes the tests; both set up what they need in .venv first.
# Without make: the same commands stand in README.md.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8501
# Only this machine reaches the app, unless it is given an address in a network: make app ADDRESS=192.168.1.20
ADDRESS ?=
SERVED = $(if $(ADDRESS),--server.address $(ADDRESS) --browser.serverAddress $(ADDRESS))

# One version of torch that was tried. On Linux its default wheel carries CUDA; where that is not wanted:
#   make app TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
# `make app TORCH=` takes the newest that requirements.txt allows.
TORCH ?= torch==2.13.0

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: app test check format lock schemas clean

app: $(VENV)/.app
	$(BIN)/python -m streamlit run streamlit_app.py --server.port $(PORT) $(SERVED)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"MTU-Net needs Python 3.11 or newer, found {sys.version.split()[0]}. Name another: make app PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.app: requirements.lock $(VENV)/bin/python
	@echo "Setting up $(VENV): some minutes, and gigabytes where torch comes with CUDA."
	$(if $(TORCH),$(PIP) $(TORCH),grep ^torch requirements.txt | $(PIP) -r /dev/stdin)
	$(PIP) --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.app
	$(PIP) --require-hashes -r requirements-test.lock
	@touch $@

# The published schemas anew, from the models of the JSON.
schemas: $(VENV)/.app
	$(BIN)/python -c "from mtunet.output.exports.study_json import publish; publish()"

# The locks anew, with the newest versions that requirements.txt and pyproject.toml allow. Torch is not in them: which
# build of it is right hangs on the machine. Needs uv.
UV ?= uv
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-config --no-header --default-index https://pypi.org/simple
EXTRAS = import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
	print(*(each for name in ("interop", "receive", "archive", "signin", "test") for each in extras[name] if "mtunet" not in each), sep="\n")
lock:
	grep -v ^torch requirements.txt | $(LOCK) - -o requirements.lock
	{ grep -v ^torch requirements.txt; $(PYTHON) -c '$(EXTRAS)'; } | $(LOCK) - -c requirements.lock -o requirements-test.lock
