"""Sessions of any agent at any size for benches: its recording again and again, every time with ids of its own.

The recordings are those of the tests, so there are some only where this repository lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

RECORDED: Final = Path(__file__).parents[2] / "tests" / "recorded"
_SAME: Final = frozenset({"sessionId", "session_id", "sessionID", "thread_id", "conversationId", "session", "model_id"})
_PARENTS: Final = ("parentUuid", "parentId")
_OWN: Final = {"parentUuid": "uuid", "parentId": "id"}


def recordings() -> dict[str, Path]:
    """The recording of each agent that is grown: its tour, or the longest."""
    found: dict[str, Path] = {}
    for folder in sorted(RECORDED.iterdir()) if RECORDED.is_dir() else ():
        files = sorted(folder.glob("*.jsonl"), key=lambda file: (file.stem == "tour", file.stat().st_size))
        if files:
            found[folder.name] = files[-1]
    return found


def grow(recording: Path, records: int, target: Path) -> int:
    """Write at least so many records, and say how many. Of a document they are the entries of its longest list."""
    data = recording.read_bytes()
    try:
        lines = [orjson.loads(line) for line in data.splitlines() if line.strip()]
    except orjson.JSONDecodeError:
        document = orjson.loads(data)
        holder, key = _longest(document)
        one = holder[key]
        holder[key] = [_again(entry, rep) for rep in range(-(-records // len(one))) for entry in one]
        target.write_bytes(orjson.dumps(document) + b"\n")
        return len(holder[key])
    if len(lines) < 8:  # a document in one line, and what is put to it
        holder, key = max((_longest(line) for line in lines), key=lambda one: len(one[0][one[1]]))
        one = holder[key]
        holder[key] = [_again(entry, rep) for rep in range(-(-records // len(one))) for entry in one]
        target.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
        return len(holder[key])
    count = 0
    with target.open("wb") as out:
        for line in _repeated(lines, records):
            out.write(orjson.dumps(line) + b"\n")
            count += 1
    return count


def _repeated(lines: list[Any], records: int) -> Iterator[Any]:
    """The records again and again; where they name their parents, each time goes on from the last one's end."""
    last: dict[str, Any] = {}
    rep = done = 0
    while done < records:
        for line in lines:
            again = _again(line, rep)
            for key in _PARENTS:
                if isinstance(again, dict) and key in again and again.get(_OWN[key]):
                    if again[key] is None and rep:
                        again[key] = last.get(key)
                    last[key] = again[_OWN[key]]
            yield again
            done += 1
        rep += 1


def _again(value: Any, rep: int, key: str = "") -> Any:
    if type(value) is dict:
        return {name: _again(inner, rep, name) for name, inner in value.items()}
    if type(value) is list:
        return [_again(inner, rep, key) for inner in value]
    if rep and key not in _SAME and key.lower().endswith(("id", "ids", "uuid")):
        if type(value) is str and value:
            return f"{value}.{rep}"
        if type(value) is int and type(value) is not bool:
            return value + 1000 * rep
    return value


def _longest(value: Any) -> tuple[Any, Any]:
    """The holder and the key of the longest list of objects in a document."""
    best: tuple[int, Any, Any] = (-1, {"": []}, "")
    todo: list[Any] = [value]
    while todo:
        one = todo.pop()
        for key, inner in one.items() if isinstance(one, dict) else enumerate(one):
            if isinstance(inner, list) and inner and isinstance(inner[0], dict) and len(inner) > best[0]:
                best = (len(inner), one, key)
            if isinstance(inner, (dict, list)):
                todo.append(inner)
    return best[1], best[2]
