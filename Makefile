# The whole vocabulary is: run test check bench soak. Each sets up what it needs; a second call costs nothing.
#   make run ARGS="--demo"      make test ARGS="tests/store -k fold"      make PYTHON=/opt/python3.12/bin/python3 run
.DEFAULT_GOAL := help
.PHONY: help run test check bench soak
BIN := .venv/bin
export PYTHON
# Compiled modules are kept: every test that starts a process would compile them all again, and so would every start.
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo 'make run     open the window (ARGS="PATH" opens that session; ARGS="--help" says what else)'
	@echo 'make test    run the tests (ARGS="tests/store -k fold" runs some)'
	@echo 'make check   lint, types, layers, generated docs'
	@echo 'make bench   measure the speed of everything (ARGS="stream" measures one thing)'
	@echo 'make soak    run the tests that take minutes'

run:
	@scripts/setup run
	@$(BIN)/playhead $(ARGS)

test:
	@scripts/setup dev
	@$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

check:
	@scripts/setup dev
	@set -e; $(BIN)/mypy & types=$$!; \
	$(BIN)/ruff check --quiet .; \
	$(BIN)/lint-imports --no-logo; \
	$(BIN)/deptry --no-ansi .; \
	$(BIN)/python scripts/make_docs.py --check; \
	wait $$types

bench:
	@scripts/setup run
	@$(BIN)/playhead bench $(or $(ARGS),all)

soak:
	@scripts/setup dev
	@PLAYHEAD_EXAMPLES=20 $(BIN)/python -m pytest -m "soak or hypothesis" --timeout 1800 $(ARGS)
