"""Any command: the prompt is its command line, taken apart into words here. No shell sees it, so nothing expands."""

from __future__ import annotations

from collections.abc import Iterable

from store.runners.base import Abilities, Ability, Ask, Command, End, Outcome, Runner, ended_well, words_of
from store.runners.base import tail as last_words

NO = Ability(False, "A shell command has no session that could be gone on with.")


def command(asked: Ask) -> Command:
    """Raises StoreError for a quotation mark that is not closed."""
    return Command(words_of(asked.prompt, "There is no command to run."), asked.input)


def outcome(lines: Iterable[bytes], stderr: bytes, end: End) -> Outcome:
    """The exit code decides; the last line it printed is what it said."""
    last = b""
    for line in lines:
        if line.strip():
            last = line
    ok = ended_well(end)
    said = last[:4096].decode("utf-8", "replace").strip()
    return Outcome(ok, text=said if ok else "", errors=() if ok else last_words(stderr))


RUNNER = Runner(
    name="shell",
    title="Shell command",
    agent="",
    program="",
    abilities=Abilities(
        resume=NO,
        fork=NO,
        compact=NO,
        permissions=Ability(False, "A command has no permission modes: it may do what you may."),
        live=NO,
    ),
    command=command,
    outcome=outcome,
    script=True,
)
