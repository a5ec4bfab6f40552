"""Groups of the session list and the keys they are sorted by: newest first. Qt-free; for its model."""

from __future__ import annotations

from typing import NamedTuple

from store.delta import Row


class Key(NamedTuple):
    """Where a session stands in its group: newest first."""

    age: int
    id: str


class Group:
    """The sessions under one heading, sorted."""

    __slots__ = ("keys", "name", "newest")

    def __init__(self, name: str) -> None:
        self.name = name
        self.keys: list[Key] = []
        self.newest = Key(0, "")  # its order as it is on the screen

    def __len__(self) -> int:
        return len(self.keys) + 1  # its heading


def key_of(row: Row) -> Key:
    return Key(-(row.updated or row.started or 0), row.id)


def order(group: Group) -> Key:
    """Where a group stands among the others, as it is on the screen."""
    return group.newest
