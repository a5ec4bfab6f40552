"""Groups of the session list and the keys they are sorted by: newest first. Qt-free; for its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def settled(groups: Sequence[Group], moves: Mapping[str, Sequence[tuple[Key, Key]]]) -> list[Group]:
    """The groups anew and in order, with sessions at new keys; `moves`: name of a group → (key so far, key) of each."""
    made = []
    for group in groups:
        moved = moves.get(group.name)
        if moved is None:
            made.append(group)
            continue
        old = {key for key, _ in moved}
        fresh = Group(group.name)
        fresh.keys = sorted([*(key for key in group.keys if key not in old), *(key for _, key in moved)])
        fresh.newest = fresh.keys[0]
        made.append(fresh)
    return sorted(made, key=order)
