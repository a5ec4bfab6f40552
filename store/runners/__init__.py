"""The runners, found by folder: every module here that has a RUNNER is one. For store only."""

from __future__ import annotations

from functools import cache

from store.declared import declared
from store.errors import StoreError
from store.runners.base import Runner, is_id


@cache
def runners() -> tuple[Runner, ...]:
    """Every runner, by name."""
    return tuple(sorted(declared(__name__, __path__, "RUNNER", Runner), key=lambda runner: runner.name))


def named(name: str) -> Runner:
    """The runner of that name. Raises StoreError."""
    for runner in runners():
        if runner.name == name:
            return runner
    known = ", ".join(runner.name for runner in runners())
    raise StoreError(f"There is no runner called {name}. There are {known}.")


def way_on(agent: str, session: str, is_file: bool) -> tuple[Runner | None, str]:
    """The runner that would go on with a session, and else the sentence that says why there is none."""
    if not is_file:
        return None, "This is the output of a command: open the session's own file to go on with it."
    other = apart(agent)
    if other is not None:
        return None, other.elsewhere.format(id=session or "ID")
    if agent == "raw":
        return None, "No agent is known that writes such a file, so none can go on with it."
    runner = for_agent(agent)
    if runner is None:
        return None, f"Playhead cannot start {agent or 'this agent'}: go on with this session where it was begun."
    if agent != runner.agent:
        return None, "This is what a command printed: open the session that it belongs to, to go on with it."
    if not runner.abilities.resume.ok:
        return None, runner.abilities.resume.why
    if not is_id(session):
        return None, "This session does not say its id, so its agent cannot be told which one to go on with."
    return runner, ""


def apart(agent: str) -> Runner | None:
    """The runner whose runs make sessions of this format, each one of its own; None: there is none."""
    return next((runner for runner in runners() if agent and agent == runner.apart), None)


def for_agent(agent: str) -> Runner | None:
    """The runner that goes on with sessions of this format; None: there is none."""
    for runner in runners():
        if agent and agent in (runner.agent, runner.stream):
            return runner
    return None
