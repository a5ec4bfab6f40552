"""OpenCode's database and folder as its program makes them, from an export: for the tests of both. No copies."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

# As in the program's `session.sql.ts` (1.18), without the tables that say nothing of a session.
SCHEMA = """
CREATE TABLE session (id text PRIMARY KEY, project_id text NOT NULL, workspace_id text, parent_id text,
  slug text NOT NULL, directory text NOT NULL, path text, title text NOT NULL, version text NOT NULL, share_url text,
  summary_additions integer, summary_deletions integer, summary_files integer, summary_diffs text,
  cost real NOT NULL DEFAULT 0, revert text,
  permission text, agent text, model text, time_created integer NOT NULL, time_updated integer NOT NULL,
  time_compacting integer, time_archived integer);
CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL,
  time_updated integer NOT NULL, data text NOT NULL);
CREATE INDEX message_session_time_created_id_idx ON message (session_id, time_created, id);
CREATE TABLE part (id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL,
  time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE INDEX part_message_id_id_idx ON part (message_id, id);
CREATE INDEX part_session_idx ON part (session_id);
"""
BORN = 1_795_225_797_000


def info(id: str = "ses_1", **more: Any) -> dict[str, Any]:
    return {
        "id": id, "slug": "calm-river", "projectID": "p1", "directory": "/w/demo", "title": "A title",
        "version": "1.18.33", "time": {"created": BORN, "updated": BORN}, **more,
    }  # fmt: skip


def user(text: str = "Go", id: str = "msg_1", at: int = 100, *parts: dict[str, Any]) -> dict[str, Any]:
    told = {"id": id, "role": "user", "sessionID": "ses_1", "time": {"created": BORN + at}, "agent": "build"}
    return {"info": told, "parts": [part("text", f"prt_0{id}", id, text=text), *parts]}


def answer(
    *parts: dict[str, Any], id: str = "msg_2", at: int = 200, done: int | None = 900, **more: Any
) -> dict[str, Any]:
    """A message of the model; its end is at `done`, or not yet."""
    time = {"created": BORN + at} if done is None else {"created": BORN + at, "completed": BORN + done}
    told = {
        "id": id, "role": "assistant", "sessionID": "ses_1", "time": time, "modelID": "claude-sonnet-4-5",
        "providerID": "anthropic", "mode": "build", "agent": "build", "parentID": "msg_1",
        "path": {"cwd": "/w/demo", "root": "/w/demo"}, **({"finish": "stop"} if done is not None else {}), **more,
    }  # fmt: skip
    return {"info": told, "parts": [{**one, "messageID": id} for one in parts]}


def part(kind: str, id: str = "prt_a", message: str = "msg_2", **more: Any) -> dict[str, Any]:
    return {"id": id, "sessionID": "ses_1", "messageID": message, "type": kind, **more}


def tool(
    id: str = "prt_t", status: str = "completed", name: str = "bash", output: str = "ok", **more: Any
) -> dict[str, Any]:
    state = {"status": status, "input": {"command": "ls"}, "output": output, "time": {"start": BORN, "end": BORN + 5}}
    return part("tool", id, tool=name, callID="c1", state={**state, **more})


def step(id: str = "prt_z", reason: str = "stop", **more: Any) -> dict[str, Any]:
    used = {"total": 1217, "input": 1200, "output": 17, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    return part("step-finish", id, reason=reason, tokens=used, cost=0.003855, **more)


def export(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"info": info(**more), "messages": list(messages)}


class Database:
    """An OpenCode that runs: a connection that stays open, with its log beside the file, until `close`."""

    def __init__(self, path: Path, *exports: dict[str, Any]) -> None:
        self.path = path
        self.now = BORN + 10_000
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.executescript(SCHEMA)
        for one in exports:
            self.put(one)

    def close(self) -> None:
        self.connection.close()

    def session(self, id: str = "ses_1") -> Path:
        return self.path / id

    def put(self, export: dict[str, Any]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.row(export["info"])
        for message in export["messages"]:
            self.message(message["info"], export["info"]["id"])
            self.parts(message["parts"], export["info"]["id"])
        self.connection.execute("COMMIT")

    def row(self, info: dict[str, Any]) -> None:
        revert = None if info.get("revert") is None else orjson.dumps(info["revert"]).decode()
        self.connection.execute(
            "INSERT INTO session (id, project_id, parent_id, slug, directory, title, version, revert, time_created, "
            "time_updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
            "SET title = excluded.title, revert = excluded.revert, time_updated = excluded.time_updated",
            (info["id"], info["projectID"], info.get("parentID"), info["slug"], info["directory"], info["title"],
             info["version"], revert, info["time"]["created"], self._tick()),
        )  # fmt: skip

    def message(self, info: dict[str, Any], session: str = "ses_1") -> None:
        data = {key: value for key, value in info.items() if key not in ("id", "sessionID")}
        self.connection.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data, "
            "time_updated = excluded.time_updated",
            (info["id"], session, info["time"]["created"], self._tick(), orjson.dumps(data).decode()),
        )

    def parts(self, parts: Iterable[dict[str, Any]], session: str = "ses_1") -> None:
        for part in parts:
            data = {key: value for key, value in part.items() if key not in ("id", "sessionID", "messageID")}
            self.connection.execute(
                "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data, "
                "time_updated = excluded.time_updated",
                (part["id"], part["messageID"], session, self.now, self._tick(), orjson.dumps(data).decode()),
            )

    def _tick(self) -> int:
        self.now += 3
        return self.now


def folder(root: Path, export: dict[str, Any]) -> Path:
    """The same as files, as before 1.2; the path of the session's own."""
    own = export["info"]
    session = root / "storage" / "session" / own["projectID"] / f"{own['id']}.json"
    write(session, own)
    for message in export["messages"]:
        told = message["info"]
        write(root / "storage" / "message" / own["id"] / f"{told['id']}.json", told)
        for one in message["parts"]:
            write(root / "storage" / "part" / told["id"] / f"{one['id']}.json", one)
    return session


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2))


def tour() -> dict[str, Any]:
    """An export with most of what there is."""
    return export(
        user("Go", "msg_1", 100,
                 part("file", "prt_f", "msg_1", mime="image/png", filename="a.png", url="data:x"),
                 part("text", "prt_s", "msg_1", text="<file>", synthetic=True)),
        answer(part("step-start", "prt_0"),
                   part("reasoning", "prt_1", text="Hm", time={"start": 1, "end": 2}),
                   part("text", "prt_2", text="Looking."), tool("prt_3"),
                   step("prt_4", "tool-calls"), finish="tool-calls"),
        answer(part("text", "prt_5", "msg_3", text="Done."), step("prt_6"), id="msg_3", at=1000, done=1500),
        user("More", "msg_4", 2000),
        answer(id="msg_5", at=2100, done=2200, finish="",
                   error={"name": "MessageAbortedError", "data": {"message": "No"}}),
    )  # fmt: skip


def left(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """What lies there, with times and bytes; the index of a log is memory that readers and writers share."""
    files = [path for path in folder.iterdir() if not path.name.endswith("-shm")]
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_size, path.read_bytes()) for path in files}
