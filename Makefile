# make ask Q="What is 37*89?"   ask the mini model, offline after the first time
# make chat                     talk with it
# make test                     all tests, in one process for each processor
# make test-fast                the tests that are not marked slow
# The virtual environment is made in .venv at the first call; PYTHON chooses the interpreter.

PYTHON ?= python3
BIN := .venv/bin
Q ?= What is 37*89?
# as it is written, dollars too:
override Q := $(value Q)
export Q

.PHONY: ask chat test test-fast check clean

ask: .venv/installed
	@$(BIN)/moss-agent ask -- "$$Q"

chat: .venv/installed
	@$(BIN)/moss-agent chat

test: .venv/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

test-fast: .venv/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not slow" --hypothesis-profile fast

check: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv

# torch first and alone: another package asking for it might bring a build for other hardware.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch numpy
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[all]'
	@touch $@

.venv/installed-test: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[all,test]'
	@touch $@
