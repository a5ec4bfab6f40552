"""What was typed and not sent, per session: kept over switches and restarts. JSON in the state folder; for control."""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from pathlib import Path
from typing import Final

import msgspec

log = logging.getLogger(__name__)
KEPT: Final = 200  # sessions
MOST: Final = 1 << 20  # characters of one draft


class Drafts:
    """All of them; without a path they live as long as the window. A damaged file costs the drafts, never the start."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._drafts: OrderedDict[str, str] = OrderedDict()
        self._dirty = False
        self._read = False

    def _load(self) -> None:
        if self._read or self.path is None:
            return
        self._read = True
        try:
            self._drafts.update(msgspec.json.decode(self.path.read_bytes(), type=dict[str, str]))
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError) as error:
            log.warning("drafts are forgotten: %s: %s", self.path, error)

    def __getitem__(self, session: str) -> str:
        self._load()
        return self._drafts.get(session, "")

    def put(self, session: str, text: str) -> None:
        """Remember a draft; an empty one is forgotten."""
        self._load()
        if self._drafts.get(session, "") == text:
            return
        self._dirty = True
        if text:
            self._drafts[session] = text[:MOST]
            self._drafts.move_to_end(session)
        else:
            self._drafts.pop(session, None)
        while len(self._drafts) > KEPT:
            self._drafts.popitem(last=False)

    def save(self) -> None:
        """Write what changed, whole or not at all."""
        if not self._dirty or self.path is None:
            return
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.touch(mode=0o600)  # what somebody types is nobody else's business
            fresh.write_bytes(msgspec.json.encode(dict(self._drafts)))
            fresh.replace(self.path)
            self._dirty = False
        except OSError as error:
            fresh.unlink(missing_ok=True)
            log.warning("drafts are not saved: %s", error)
