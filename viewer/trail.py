"""Where the reader was before each jump, for Back and Forward: a session and a place in it. Qt-free; for searching."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from viewer.timeline.scene import Place

MOST: Final = 100


class Spot(NamedTuple):
    """A place in a session, in terms that outlive its rows."""

    session: str
    place: Place


class Trail:
    """Going from one hit to the next is one jump: only what was read or scrolled to is worth coming back to."""

    def __init__(self) -> None:
        self._back: list[Spot] = []
        self._forward: list[Spot] = []
        self._landed: Spot | None = None

    @property
    def can(self) -> tuple[bool, bool]:
        """Whether there is a way back, and one forward."""
        return bool(self._back), bool(self._forward)

    def leave(self, here: Spot) -> None:
        """A jump begins here."""
        if here == self._landed:  # nobody has moved since the last jump
            return
        if not self._back or self._back[-1] != here:
            self._back = [*self._back[1 - MOST :], here]
        self._forward.clear()

    def land(self, here: Spot) -> None:
        """It has ended here."""
        self._landed = here

    def back(self, here: Spot | None, there: Callable[[Spot], bool]) -> Spot | None:
        """Where to go; None: there is no way back. `there`: whether one can still go to a place."""
        return self._go(self._back, self._forward, here, there)

    def forward(self, here: Spot | None, there: Callable[[Spot], bool]) -> Spot | None:
        return self._go(self._forward, self._back, here, there)

    def _go(self, way: list[Spot], other: list[Spot], here: Spot | None, there: Callable[[Spot], bool]) -> Spot | None:
        while way:
            spot = way.pop()
            if spot != here and there(spot):
                if here is not None:
                    other.append(here)
                self._landed = None
                return spot
        return None
