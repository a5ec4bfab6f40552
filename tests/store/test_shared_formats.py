"""Real files of agents: what is understood of them, every byte, and no reader that fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from store.coverage import Coverage
from store.events import Event, Unreadable
from store.formats.base import Damage, Record
from store.report import files_below


class Watched(Coverage):
    """Coverage that notes readers that failed."""

    failed = 0

    def _watch(self, piece: Record | Damage, events: Sequence[Event]) -> None:
        self.failed += any(type(event) is Unreadable and event.reason == "reader failed" for event in events)
        super()._watch(piece, events)


@pytest.mark.parametrize("folder", ["codex", "gemini", "opencode", "inspect", "kimi"])
def test_shared_data_is_understood_to_the_last_byte(folder: str, data_dir: Path) -> None:
    seen = Watched()
    for path in files_below(data_dir / folder):
        seen.add(path)
    told = seen.result
    assert told["understood"] / told["records"] >= 0.995
    assert seen.failed == 0
    held = told["bytes_understood"] + told["bytes_raw"] + told["bytes_damaged"] + told["bytes_blank"]
    assert held == told["bytes"]
    assert told["bytes_blank"] <= told["bytes"] * 0.01 + 200
