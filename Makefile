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
# `make app TORCH=` takes whatever requirements.txt allows.
TORCH ?= torch==2.13.0

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: app test check format clean

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

$(VENV)/.app: requirements.txt $(VENV)/bin/python
	@echo "Setting up $(VENV): some minutes, and gigabytes where torch comes with CUDA."
	$(if $(TORCH),$(PIP) $(TORCH))
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.test: requirements-test.txt $(VENV)/.app
	$(PIP) -r requirements-test.txt
	@touch $@
