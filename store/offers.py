"""What the runners can do, as a form needs it: which there are, what each can't and why. For the panel."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from store.runners import runners
from store.runs import Runs


class Offer(Struct, frozen=True):
    """One runner. The sentences say why not; '' is that it can. `modes`: permission modes, the most cautious first.

    `unsaid`: what no mode means; '': the first. `no_command` '': it needs the agent's command line.
    """

    name: str
    title: str
    program: str
    modes: tuple[str, ...]
    no_resume: str
    no_permissions: str
    no_command: str
    unsaid: str
    missing: str = ""  # its program is not on this machine
    script: bool = False  # it runs commands of the user's, and nothing else


def offers(db: Path | None = None) -> tuple[Offer, ...]:
    """Every runner, by name. With `db` programs are looked for on the login shell's PATH: that may take seconds."""
    runs = None if db is None else Runs(db)
    return tuple(
        Offer(
            one.name,
            one.title,
            one.program,
            one.abilities.modes,
            one.abilities.resume.why,
            one.abilities.permissions.why,
            one.abilities.command.why,
            one.abilities.unsaid,
            "" if runs is None else runs.missing(one),
            one.script,
        )
        for one in runners()
    )
