"""The runners, found by folder: every module here that has a RUNNER is one. For store only."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from store.errors import StoreError
from store.runners.base import Runner


@cache
def runners() -> tuple[Runner, ...]:
    """Every runner, by name."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        runner = getattr(importlib.import_module(f"{__name__}.{module.name}"), "RUNNER", None)
        if isinstance(runner, Runner):
            found.append(runner)
    return tuple(sorted(found, key=lambda runner: runner.name))


def named(name: str) -> Runner:
    """The runner of that name. Raises StoreError."""
    for runner in runners():
        if runner.name == name:
            return runner
    known = ", ".join(runner.name for runner in runners())
    raise StoreError(f"There is no runner called {name}. There are {known}.")


def for_agent(agent: str) -> Runner | None:
    """The runner that goes on with sessions of this format; None: there is none."""
    for runner in runners():
        if agent and agent in (runner.agent, runner.stream):
            return runner
    return None
