"""A session's rows as a window has them, and a Claude that streams: for the tests of what is shown ahead of a file."""

from __future__ import annotations

import json
from collections.abc import Sequence

from store.formats import named
from store.hub import Hub
from store.items import Item, text_of
from store.pipe import Pipe
from store.session import Session


class Rows:
    """The rows of one session, as a window has them."""

    def __init__(self) -> None:
        self.hub = Hub(lambda: None)
        self.session = self.hub.sessions["s"] = Session("s")
        self.rows: list[Item] = []

    def take(self) -> None:
        for delta in self.hub.flush(bounded=False):
            if delta.keep is not None:
                del self.rows[delta.keep :]
            for row, item in delta.changed:
                self.rows[row] = item
            assert not delta.added or delta.first == len(self.rows)
            self.rows += delta.added

    def told(self) -> list[tuple[str, str, str]]:
        return [(item.id, type(item).__name__, text_of(item)) for item in self.rows]


def file_rows(disk: Sequence[bytes]) -> Rows:
    made = Rows()
    pipe = Pipe(named("claude-code"))
    made.hub.put("s", [event for line in disk for event in pipe.feed(line)] + pipe.close())
    made.take()
    return made


def stream(*events: dict[str, object]) -> bytes:
    kept = [{"type": "stream_event", "event": event, "session_id": "x", "parent_tool_use_id": None} for event in events]
    return b"".join(json.dumps(one).encode() + b"\n" for one in kept)


def begin(id: str, *words: str) -> list[dict[str, object]]:
    return [
        {"type": "message_start", "message": {"id": id, "model": "m"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words),
    ]
