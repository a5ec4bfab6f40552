"""What an import does not look at again: sessions of many in one folder, whatever lies beside them."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from store.archive_import import ArchiveImport
from store.archive_plan import plan
from store.catalog import DRAFT, Catalog
from store.delta import Row
from store.sources import scan
from viewer.bench.make_session import write_session

THREADS = [f"019a0000-000{n}-7000-8000-00000000000{n}" for n in range(8)]
UUID = "00000000-0000-4000-8000-000000000001"
CHAT = "session-2026"


def rollout(root: Path, number: int, *, parent: int | None = None, content: bool = True) -> Path:
    """One of Codex's, in the folder of its day with all the others."""
    path = root / "2025/10/20" / f"rollout-2025-10-20T10-00-0{number}-{THREADS[number]}.jsonl"
    meta: dict[str, object] = {"id": THREADS[number], "cwd": "/w", "cli_version": "0.160.0"}
    if parent is not None:
        meta["source"] = {"subagent": {"thread_spawn": {"parent_thread_id": THREADS[parent], "depth": 1}}}
    lines = [{"type": "session_meta", "payload": meta}]
    if content:
        lines.append({"type": "event_msg", "payload": {"type": "user_message", "message": "hello"}})
    write(path, lines)
    return path


def write(path: Path, lines: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps({"timestamp": "2025-10-20T10:00:00Z", **one}) + b"\n" for one in lines))


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Codex: a session with a subagent, one without, a draft, a subagent whose session is gone, all in one folder.
    Claude: a session with the book of a workflow. Gemini: one whose folder is named inside."""
    monkeypatch.setenv("HOME", str(tmp_path))
    scan._rule.cache_clear()
    codex, claude, gemini = (tmp_path / name for name in (".codex/sessions", ".claude/projects", ".gemini/tmp"))
    for number in (0, 2):
        rollout(codex, number)
    rollout(codex, 1, parent=0)
    rollout(codex, 3, content=False)
    rollout(codex, 5, parent=7)
    session = claude / "-p" / f"{UUID}.jsonl"
    write_session(session, records=30, seed=1, agents=1, agent_records=10)
    write(session.with_suffix("") / "subagents/workflows/wf_1/journal.jsonl", [{"type": "launched"}])
    chat = gemini / "project/chats" / "session-2025-10-20T10-00-1234abcd.json"
    said = {"id": "m", "timestamp": "2025-10-20T10:00:00Z", "type": "user", "content": "hello"}
    chat.parent.mkdir(parents=True)
    chat.write_bytes(orjson.dumps({"sessionId": CHAT, "projectHash": "p", "messages": [said]}))
    return [codex, claude, gemini]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every file that Python code of this process opens."""
    paths: list[str] = []

    def noted(real: Callable[..., object]) -> Callable[..., object]:
        def noting(path: object, *more: object, **named: object) -> object:
            if not isinstance(path, int):
                paths.append(os.fsdecode(path))  # type: ignore[arg-type]
            return real(path, *more, **named)

        return noting

    for module in (os, io, builtins):
        monkeypatch.setattr(module, "open", noted(module.open))  # type: ignore[attr-defined]
    return paths


def due(db: Path, roots: list[Path]) -> list[str]:
    return sorted(Path(os.fsdecode(task.path)).stem[-12:] for task in plan(db, roots).tasks)


def test_sessions_that_share_a_folder_are_not_opened_again(
    roots: list[Path], opened: list[str], tmp_path: Path
) -> None:
    """A stat per file for every agent; what joins a session later brings that one in, and no other of its folder."""
    db = tmp_path / "data" / "playhead.db"
    totals = ArchiveImport(db, roots).run()
    assert (totals.sessions, totals.drafts, totals.failed) == (5, 2, [])
    opened.clear()
    found = plan(db, roots)
    assert (found.tasks, found.unchanged) == ([], 7)
    assert [path for path in opened if path.startswith(tuple(map(str, roots)))] == []

    late = rollout(roots[0], 4, parent=2)
    assert due(db, roots) == [THREADS[2][-12:], THREADS[4][-12:]]
    with closing(Catalog(db)) as catalog:  # an import that ended when it had looked at the file, and not at its session
        size, written = late.stat().st_size, late.stat().st_mtime_ns
        note = Row(str(late), state=DRAFT, path=str(late), session=THREADS[2])
        catalog.save({str(late): (size, written, note)})
    assert due(db, roots) == [THREADS[2][-12:]]
    assert ArchiveImport(db, roots).run().sessions == 1
    assert due(db, roots) == []
    write(roots[2] / "project/chats" / CHAT / "sub.jsonl", [{"sessionId": "s", "kind": "subagent"}])
    assert len(due(db, roots)) == 1
