# Everything that a fresh machine needs is Python 3.11 or newer and make; the rest is fetched into .venv.

PYTHON ?= python3
BIN := .venv/bin

# The demo and the tests start Python many times: it is compiled once, not each time, also where the environment says otherwise.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test soak bench docs golden lock clean

setup: .venv/ready

# uv where it can be had (seconds), else pip. The lock holds hashes: what is installed is what was tested.
.venv/ready: requirements/development.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Netzwart needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@rm -rf .venv && $(PYTHON) -m venv .venv
	@if $(BIN)/python -m pip install --quiet --disable-pip-version-check uv 2>/dev/null && \
	    $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/development.txt; then :; else \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/development.txt; fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	@$(BIN)/netzwart demo

test: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports
	@$(BIN)/python -m bot.documentation --check
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

# Killed at random, again and again, for as long as one likes; ends at the first thing lost, doubled or out of order. All that can be
# given: make soak MINUTES=10 THINGS=300 EVERY=2.0 SEED=4711 ROUNDS=1 DATABASE=sqlite BOTS=3
soak: setup
	@$(BIN)/python -m tests.soak $(foreach name,MINUTES THINGS EVERY SEED ROUNDS DATABASE BOTS,$(if $($(name)),--$(shell echo $(name) | tr A-Z a-z) $($(name))))

# How we compare with what is usual, side by side in one run. Not part of the tests: how quick it is depends on the machine.
bench: setup
	@$(BIN)/python -m bench.room_keys
	@$(BIN)/python -m bench.punctual

# The documentation of the commands and the catalogue, made anew from the code.
docs: setup
	@$(BIN)/python -m bot.documentation

# Three years of reminders, made anew from the code: what has changed is reviewed line by line (docs/adr/0015).
golden: setup
	@$(BIN)/python -m tests.verbs.golden

# New versions of everything we stand on. Addresses of package indexes stay out of the files.
lock: setup
	@$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --generate-hashes --no-emit-index-url --no-header --universal -o requirements/runtime.txt
	@$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --extra demo --group dev --generate-hashes --no-emit-index-url --no-header --universal -o requirements/development.txt

clean:
	@rm -rf .venv .demo tests/foreign/node_modules .pytest_cache .ruff_cache .hypothesis
