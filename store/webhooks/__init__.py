"""The senders of webhooks, found by folder: every module here that has a SENDER is one."""

from __future__ import annotations

from functools import cache

from store.declared import declared
from store.errors import StoreError
from store.webhooks.base import Event, Headers, Sender

__all__ = ["Event", "Headers", "Sender", "named", "senders"]


@cache
def senders() -> tuple[Sender, ...]:
    """Every sender, by name."""
    return tuple(sorted(declared(__name__, __path__, "SENDER", Sender), key=lambda sender: sender.name))


def named(name: str) -> Sender:
    """The sender of that name. Raises StoreError."""
    for sender in senders():
        if sender.name == name:
            return sender
    raise StoreError(f"There is no sender called {name}: there are {', '.join(sender.name for sender in senders())}.")
