"""Every byte of some files, accounted for: what was understood, what was not, where that lies, and what is new.

For the commands (`store.report`) and for the process behind the window (`store.coverage_child`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from store.decode import type_of
from store.errors import StoreError, sentence
from store.events import AdapterSeen, Event, Unreadable
from store.formats import HEAD, named, sniff
from store.formats.base import Damage, Record
from store.pipe import Pipe
from store.whole import CHUNK, open_file

DAMAGE: Final = 10_000  # entries in the list of damage; all of it is counted
PLACES: Final = 200  # of a class of records that are not understood; all of them are counted
PATHS: Final = 400  # names of fields of one class
DEEP: Final = 5  # levels of fields that are named
SHOWN: Final = 4 << 20  # bytes of a record that are read to be looked at
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_NUMBERS: Final = re.compile(r"\d+")


class Class(Struct):
    """What was seen of one type of records of one version of an agent."""

    agent: str
    version: str
    type: str
    understood: int = 0
    raw: int = 0
    damaged: int = 0
    bytes: int = 0
    places: list[tuple[str, int, int, str]] = []  # file, offset, length, why: of what was not understood
    fields: dict[str, dict[str, int]] = {}  # of what was not understood: name → kind of its values → how many

    def misses(self, file: Path, piece: Record | Damage, why: str) -> None:
        if len(self.places) < PLACES:
            self.places.append((str(file), piece.at.offset, piece.at.length, why))


class Coverage:
    """`add` files, then read `result`."""

    def __init__(self) -> None:
        self.files = self.bytes = self.records = self.understood = self.raw = self.damaged = 0
        self.bytes_understood = self.bytes_raw = self.bytes_damaged = 0
        self.by_type: dict[str, dict[str, int]] = {}
        self.damage: list[dict[str, Any]] = []
        self.classes: dict[tuple[str, str, str], Class] = {}
        self._path = Path()
        self._agent = ""
        self._version = ""
        self._names: Callable[[dict[str, Any]], str] | None = None

    def add(self, path: Path) -> None:
        """Read one file to its end. Raises StoreError."""
        for _ in self.read(path):
            pass

    def read(self, path: Path) -> Iterator[int]:
        """The same, piece by piece: the bytes of each. Raises StoreError."""
        with open_file(path, plain=path.suffix == ".json") as file:  # what it is made of counts by itself
            try:
                data = file.read(HEAD) or b""
                format_ = sniff(data, path)
                pipe = Pipe(format_, watch=self._watch)
                self._path, self._agent, self._version = path, format_.agent, ""
                self._names = format_.names
                self.files += 1
                while data:
                    self.bytes += len(data)
                    pipe.feed(data)
                    yield len(data)
                    data = file.read(CHUNK) or b""
                pipe.close()
            except OSError as error:
                raise StoreError(sentence(error, path)) from error

    def _class(self, type_: str) -> Class:
        key = (self._agent, self._version, type_)
        found = self.classes.get(key)
        if found is None:
            found = self.classes[key] = Class(*key)
        return found

    def _watch(self, piece: Record | Damage, events: Sequence[Event]) -> None:
        size = piece.at.length
        if isinstance(piece, Damage):
            self.damaged += 1
            self.bytes_damaged += size
            if len(self.damage) < DAMAGE:
                entry = {"file": str(self._path), "offset": piece.at.offset, "length": size, "reason": piece.reason}
                self.damage.append(entry)
            found = self._class("")
            found.damaged += 1
            found.bytes += size
            found.misses(self._path, piece, piece.reason)
            return
        self.records += 1
        missed: Unreadable | None = None
        for event in events:
            kind = type(event)
            if kind is Unreadable:
                missed = event  # type: ignore[assignment]
                break
            if kind is AdapterSeen and event.version:  # type: ignore[attr-defined]
                self._version = event.version  # type: ignore[attr-defined]
        known = (self._names(piece.data) if self._names and type(piece.data) is dict else "") or type_of(piece.data)
        name = known if missed is None or missed.type in ("", "record") else missed.type
        counts = self.by_type.get(name)
        if counts is None:
            counts = self.by_type[name] = {"understood": 0, "raw": 0}
        found = self._class(name)
        found.bytes += size
        if missed is None:
            self.understood += 1
            self.bytes_understood += size
            counts["understood"] += 1
            found.understood += 1
        else:
            self.raw += 1
            self.bytes_raw += size
            counts["raw"] += 1
            found.raw += 1
            found.misses(self._path, piece, missed.reason)
            _name_fields(piece.data, "", found.fields, 0)

    @property
    def result(self) -> dict[str, Any]:
        """The figures; what no record and no damage holds is line ends and blank lines."""
        held = self.bytes_understood + self.bytes_raw + self.bytes_damaged
        return {
            "files": self.files,
            "bytes": self.bytes,
            "records": self.records,
            "understood": self.understood,
            "raw": self.raw,
            "damaged": self.damaged,
            "bytes_understood": self.bytes_understood,
            "bytes_raw": self.bytes_raw,
            "bytes_damaged": self.bytes_damaged,
            "bytes_blank": self.bytes - held,
            "by_type": {name: self.by_type[name] for name in sorted(self.by_type)},
            "damage": self.damage,
        }

    @property
    def told(self) -> dict[str, Any]:
        """The result with a line per agent, version and type, for the window and for drift."""
        return {**self.result, "classes": list(lines(self.classes.values()))}


def lines(classes: Iterable[Class]) -> Iterator[dict[str, Any]]:
    """One object per class: by agent, newest version first, what was not understood before the rest.

    New is a type that only the newest version of its agent has written, where an older one was read too.
    """
    found = list(classes)
    versions: dict[str, set[str]] = {}
    older: dict[str, set[str]] = {}
    for one in found:
        if one.version:
            versions.setdefault(one.agent, set()).add(one.version)
    newest = {agent: max(told, key=_order) for agent, told in versions.items()}
    for one in found:
        if one.version != newest.get(one.agent):
            older.setdefault(one.agent, set()).add(one.type)
    found.sort(key=lambda one: (not one.raw + one.damaged, one.type))
    found.sort(key=lambda one: _order(one.version), reverse=True)
    for one in sorted(found, key=lambda one: one.agent):
        several = len(versions.get(one.agent, ())) > 1
        format_ = named(one.agent)
        hidden = format_.hidden.get(one.type)
        yield {
            "agent": one.agent,
            "title": format_.title,
            "version": one.version or None,
            "type": one.type,
            "understood": one.understood,
            "raw": one.raw,
            "damaged": one.damaged,
            "bytes": one.bytes,
            "hidden": hidden,
            "new": bool(several and one.type and one.version == newest[one.agent] and one.type not in older[one.agent]),
            "places": [
                {"file": file, "offset": at, "length": size, "reason": why} for file, at, size, why in one.places
            ],
            "fields": {name: dict(sorted(kinds.items())) for name, kinds in sorted(one.fields.items())},
        }


def drift(told: dict[str, Any], version: str = "") -> str:
    """What was not understood, to be sent to whoever mends it: types, names of fields and counts, and nothing that a
    session says. `told` is what `Coverage.told` gave."""
    out = [
        f"{f'Playhead {version}'.rstrip()}: what was not understood. Types, names of fields and counts, and nothing "
        "that a session says.",
        f"{told['records']:,} records in {told['files']:,} files: {told['understood']:,} understood, "
        f"{told['raw']:,} raw, {told['damaged']:,} damaged",
    ]
    agents: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in told["classes"]:
        agents.setdefault((one["agent"], one["version"] or "no version told"), []).append(one)
    for (agent, of), classes in agents.items():
        news = [one for one in classes if one["raw"] or one["damaged"] or one["new"]]
        if not news:
            continue
        out += ["", f"{agent} {of}: {sum(one['understood'] + one['raw'] for one in classes):,} records"]
        for one in news:
            mark = ", new with this version" if one["new"] else ""
            if one["damaged"]:
                reasons = [place["reason"] for place in one["places"]]
                told_ = ", ".join(f"{reason} × {reasons.count(reason):,}" for reason in dict.fromkeys(reasons))
                out.append(f"  damaged × {one['damaged']:,}: {told_}")
            elif one["raw"]:
                out.append(f"  raw × {one['raw']:,}: {_bare(one['type'])}{mark}")
                out += [
                    f"    {name}: {', '.join(f'{kind} × {count:,}' for kind, count in kinds.items())}"
                    for name, kinds in one["fields"].items()
                ]
            else:
                out.append(f"  understood × {one['understood']:,}: {_bare(one['type'])}{mark}")
    if len(out) == 2:
        out += ["", "Everything was understood."]
    return "\n".join(out) + "\n"


def piece(file: str, offset: int, length: int) -> tuple[str, int, bytes]:
    """The bytes at a place, for whoever wants to look at them; the beginning of very many. Raises StoreError."""
    with open_file(Path(file), plain=file.endswith(".json")) as stream:
        try:
            stream.seek(offset)
            data = b""
            while len(data) < min(length, SHOWN) and (more := stream.read(min(length, SHOWN) - len(data))):
                data += more
        except OSError as error:
            raise StoreError(sentence(error, file)) from error
    return file, offset, data


def _name_fields(value: Any, name: str, into: dict[str, dict[str, int]], depth: int) -> None:
    """Count the fields below a value by their names. A name that could be somebody's words is told as *."""
    kind = _KINDS.get(type(value), "other")
    if name:
        counts = into.get(name)
        if counts is None:
            if len(into) >= PATHS:
                return
            counts = into[name] = {}
        counts[kind] = counts.get(kind, 0) + 1
    if depth >= DEEP:
        return
    if type(value) is dict:
        for key, inner in value.items():
            bare = key if _NAME.fullmatch(key) else "*"
            _name_fields(inner, f"{name}.{bare}" if name else bare, into, depth + 1)
    elif type(value) is list:
        for inner in value[:20]:
            _name_fields(inner, f"{name}[]", into, depth + 1)


_KINDS: Final = {str: "text", int: "number", float: "number", bool: "yes or no", dict: "object", list: "list",
                 type(None): "null"}  # fmt: skip


def _bare(type_: str) -> str:
    """A type without what could be somebody's words."""
    return "/".join(part if _NAME.fullmatch(part) else "*" for part in type_.split("/"))


def _order(version: str) -> tuple[tuple[int, ...], str]:
    return tuple(map(int, _NUMBERS.findall(version)[:6])), version
