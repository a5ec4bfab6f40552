"""What several tests of the store begin with: a service behind which agents work, and the screens of an ingest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hooks import Web
    from ingest_screen import Screen


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """It runs."""
    from hooks import Web, agents

    made = Web(tmp_path / "data", agents(tmp_path, monkeypatch))
    made.service.start()
    yield made
    made.close()


@pytest.fixture
def screens() -> Iterator[Callable[..., Screen]]:
    """As many as are wanted; they are closed with the test."""
    from ingest_screen import Screen

    made: list[Screen] = []

    def make(path: Path, **how: bool) -> Screen:
        made.append(Screen(path, **how))
        return made[-1]

    yield make
    for screen in made:
        screen.close()
