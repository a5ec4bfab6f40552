"""Every value of every kind of recorded record, replaced by one of another type: no reader raises."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import rows

from store.events import At
from store.formats import named
from store.formats.base import Record

RECORDED = Path(__file__).parents[1] / "recorded"
AGENTS = sorted({path.parent.name for path in RECORDED.glob("*/*.jsonl")})
WRONG = (None, True, 7, -1, 1e300, math.inf, "x", "", [], {}, [[]], [None], [{}], {"type": []}, {"x": {}})


def records_of(path: Path) -> Iterator[Any]:
    data = path.read_bytes()
    try:
        yield orjson.loads(data)
    except orjson.JSONDecodeError:
        for line in data.splitlines():
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                continue


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every value, but not into the tenth of many alike."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value[:10]) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from places(inner, (*path, key))


def put(record: bytes, path: tuple[str | int, ...], wrong: Any) -> Any:
    changed = orjson.loads(record)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = wrong
    return changed


def named_place(record: dict[str, Any], path: tuple[str | int, ...]) -> tuple[str, ...]:
    """A place as it is in every record of that kind."""
    return (
        repr(record.get("type")),
        repr(record.get("role")),
        *(str(key) if isinstance(key, str) else "" for key in path),
    )


@pytest.mark.parametrize("agent", AGENTS)
def test_no_value_of_another_type_makes_a_reader_fail(agent: str) -> None:
    """FORMATS 0.5: missing, null or wrongly typed fields."""
    done: set[tuple[str, ...]] = set()
    for path in sorted((RECORDED / agent).glob("*.jsonl")):
        reader = named(agent).reader()
        for number, record in enumerate(records_of(path)):
            reader.events(Record(record, At(offset=number), b"{}"))
            for place in places(record):
                name = named_place(record, place) if isinstance(record, dict) else ()
                if name in done:
                    continue
                done.add(name)
                data = orjson.dumps(record)
                for wrong in WRONG:
                    rows(reader.events(Record(put(data, place, wrong), At(offset=number), b"{}")))
    assert done
