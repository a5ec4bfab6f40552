"""What the composer talks to: one session that can be gone on with, whichever way its agent is reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from store.attach import Attached
from store.runners.base import Abilities


class Choice(Struct, frozen=True):
    """Something of the agent's that may be chosen at any time: 'mode' or 'model', with (id, name) of each option."""

    category: str
    options: tuple[tuple[str, str], ...]


class Conversation(Protocol):
    """One per session. Called on the GUI thread; nothing here blocks."""

    @property
    def abilities(self) -> Abilities: ...

    def send(self, text: str, id: str, files: Sequence[Attached] = ()) -> bool:
        """Hand a prompt to the agent. False: it cannot take one now, and the prompt stays in the queue.

        `id`: the prompt's own, by which its echo is known where the agent repeats it. `files` are read on a thread.
        Raises StoreError with one sentence when the attempt failed; the prompt stays in the queue then, too.
        """
        ...

    @property
    def choices(self) -> Sequence[Choice]: ...

    def choose(self, category: str, id: str) -> None:
        """Ask the agent to change it. That it did, its own records say; that it would not, too."""
        ...

    def shown(self, text: str, files: Sequence[Attached]) -> tuple[str, int]:
        """How the agent's own record will show such a prompt: its words, and how many images it has."""
        ...

    def cancel(self) -> None:
        """Stop the turn that runs; nothing happens when there is none."""
        ...

    def answer(self, rpc: str | int, option: str) -> None:
        """Answer an open question with one of its options."""
        ...

    def close(self) -> None:
        """Nobody looks any more. What runs is left to end by itself, or is ended by who started it."""
        ...
