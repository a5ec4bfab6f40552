"""`bench digest`: the figures of an archived session, the first time and every other time, also in the dock.

`agents` is the agent set over a connection that is there, `agents_alone` with the database opened for that question,
as a command does it, and `open` what that opening takes of it, whatever is asked then.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from store import archive, entries, figures
from store.about import Reader, about
from store.digest_report import session_wire
from store.entries import Entry, unpress
from store.figures import Figures, agents_of
from store.insight_hand import InsightHand, Question
from store.insight_talk import KEEP, Order, Told
from store.intake import take_in
from store.prices import price
from viewer.bench.apart import folder
from viewer.bench.common import Report, figure, report
from viewer.bench.make_session import write_session

NAME: Final = "digest"
HELP: Final = "digest, turns and agent set of an archived session: cold and cached"
ALL: Final = ((),)
PER_RECORD: Final = 2.35  # events, in the sessions that are made here


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=100_000, help="of the big session; the other has a tenth")
    parser.add_argument("--repeat", type=int, default=50, help="times that figures are asked for when they are there")


def measure(arguments: argparse.Namespace) -> list[Report]:
    found: dict[str, list[float]] = {}
    with folder() as home:
        db = home / "playhead.db"
        found["price_list_ms"] = [_price_list()]
        small = _session(home, db, "small", arguments.events // 10)
        big = _session(home, db, "big", arguments.events)
        for path, name in ((small, "tenth"), (big, "big")):
            found[f"{name}_cold_ms"], found[f"{name}_entries_cold"] = _cold(path, db)
            found[f"{name}_cached_ms"], found[f"{name}_entries_cached"] = _asked(path, db, arguments.repeat)
            found[f"{name}_turns_ms"] = [_timed(lambda path=path: len(_open(path, db).turns)) for _ in range(5)]
            found[f"{name}_agents_alone_ms"] = [
                _timed(lambda path=path: _agents_alone(path, db)) for _ in range(arguments.repeat)
            ]
            found[f"{name}_open_ms"] = [_timed(lambda: _opened(db)) for _ in range(arguments.repeat)]
            with closing(Reader(db)) as reader:
                _agents(reader, path)
                found[f"{name}_agents_ms"] = [
                    _timed(lambda path=path: _agents(reader, path)) for _ in range(arguments.repeat)
                ]
            for when, values in _dock(path, db, arguments.repeat).items():
                found[f"{name}_dock_{when}_ms"] = values
    params = {"events": arguments.events, "repeat": arguments.repeat}
    return [report(NAME, params, {name: figure(values) for name, values in found.items()})]


def _session(home: Path, db: Path, name: str, events: int) -> Path:
    path = home / f"{name}.jsonl"
    write_session(path, records=round(events / PER_RECORD), seed=len(name), agents=3)
    take_in(db, path)
    archive.archive(db, path)
    return path


def _price_list() -> float:
    """It is loaded once per process, by whoever folds first."""
    from store.events import Tokens

    return _timed(lambda: price(Tokens("claude-opus-5", 1)))


def _cold(path: Path, db: Path) -> tuple[list[float], list[float]]:
    """Nothing of it was folded before."""
    taken, counted = [], []
    for _ in range(3):
        _forget(path, db)
        spent, read = _asked(path, db, 1)
        taken += spent
        counted += read
    return taken, counted


def _forget(path: Path, db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection:
        one = about(path, db)
        assert one is not None
        for table in ("digest", "turn"):
            connection.execute(f"DELETE FROM {table} WHERE session_id = ?", (one.number,))  # noqa: S608
        connection.commit()


def _asked(path: Path, db: Path, times: int) -> tuple[list[float], list[float]]:
    """The digest on the wire, and the entries that were read for it."""
    read = 0

    def counting(data: bytes) -> list[Entry]:
        nonlocal read
        found = unpress(data)
        read += len(found)
        return found

    entries.unpress = counting
    try:
        taken = [_timed(lambda: _wire(path, db)) for _ in range(times)]
    finally:
        entries.unpress = unpress
    return taken, [read]


def _wire(path: Path, db: Path) -> None:
    with closing(_open(path, db)) as found:
        session_wire(found.id, found.digest, found.agents)


def _open(path: Path, db: Path) -> Figures:
    found = figures.figures(path, db)
    assert found is not None
    return found


def _agents(reader: Reader, path: Path) -> None:
    """Over a connection that is kept, as whoever asks more than once has it."""
    assert agents_of(reader, path)


def _opened(db: Path) -> None:
    """Opened, its schema read by a statement that finds nothing, and closed again."""
    with closing(Reader(db)) as reader:
        assert not reader.ask("SELECT id FROM session LIMIT 0")


def _agents_alone(path: Path, db: Path) -> None:
    """With the database opened for this question alone."""
    with closing(Reader(db)) as reader:
        assert agents_of(reader, path)


def _dock(path: Path, db: Path, repeat: int) -> dict[str, list[float]]:
    """The dock of turns and figures: from the question to the painted answer, by a new process and by one there is."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication, QWidget

    from viewer import theme
    from viewer.insight.pane import InsightPane

    _ = QApplication.instance() or theme.application("playhead")
    window = QWidget()
    pane = InsightPane(theme.make_look("light"), window)
    pane.resize(320, 860)
    window.resize(320, 860)
    window.show()
    told: SimpleQueue[Told] = SimpleQueue()
    taken: dict[str, list[float]] = {"first_paint": [], "cold": [], "again": []}
    for _ in range(3):
        _forget(path, db)
        hand = InsightHand(db, told.put)

        def show() -> bool:
            answer = told.get(timeout=60)
            pane.show_told(answer)
            pane.turns.viewport().repaint()
            pane.figures.viewport().repaint()
            return answer.priced

        def ask(hand: InsightHand = hand) -> None:
            pane.clear()
            hand.ask(Question(Order(str(path), os.fsencode(path), KEEP)))
            show()

        start = time.perf_counter()
        taken["first_paint"].append(_timed(ask))
        show()
        taken["cold"].append((time.perf_counter() - start) * 1e3)
        taken["again"] += [_timed(ask) for _ in range(repeat)]
        hand.close()
    window.close()
    return taken


def _timed(do: object) -> float:
    assert callable(do)
    start = time.perf_counter()
    do()
    return (time.perf_counter() - start) * 1e3
