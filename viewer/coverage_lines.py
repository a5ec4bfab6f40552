"""What the coverage window writes: a tree of agents, versions and types out of what the store told. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

COLUMNS: Final = ("Agent, version, type", "Records", "Raw", "Damaged", "Understood")


class Line(Struct):
    """One line of the tree, with those below it. `places` are of what was not understood in it."""

    name: str
    records: int = 0
    raw: int = 0
    damaged: int = 0
    note: str = ""
    new: bool = False
    below: list[Line] = []
    places: list[dict[str, Any]] = []

    @property
    def texts(self) -> tuple[str, ...]:
        return (
            self.name,
            *(f"{count:,}" if count else "" for count in (self.records, self.raw, self.damaged)),
            self.note,
        )

    @property
    def mark(self) -> str:
        """What is the matter with it: damaged, raw, new, or '' for nothing."""
        return "damaged" if self.damaged else "raw" if self.raw else "new" if self.new else ""

    @property
    def spoken(self) -> str:
        """The line in words, for who does not see it."""
        parts = [self.name, f"{self.records:,} records"]
        parts += [f"{count:,} {what}" for count, what in ((self.raw, "raw"), (self.damaged, "damaged")) if count]
        return ", ".join([*parts, *([self.note] if self.note else [])])


def tree(classes: Iterable[dict[str, Any]]) -> list[Line]:
    """Agents, their versions (the newest first), and the types of each."""
    agents: dict[str, Line] = {}
    versions: dict[tuple[str, str], Line] = {}
    for one in classes:
        agent = agents.get(one["agent"])
        if agent is None:
            agent = agents[one["agent"]] = Line(one["title"])
        of = one["version"] or "no version told"
        version = versions.get((one["agent"], of))
        if version is None:
            version = versions[one["agent"], of] = Line(of)
            agent.below.append(version)
        count = one["understood"] + one["raw"]
        why = " · ".join(
            [
                *(["new with this version"] if one["new"] else []),
                *([f"not shown: {one['hidden']}"] if one["hidden"] else []),
            ]
        )
        line = Line(
            one["type"] or "no record at all", count, one["raw"], one["damaged"], why, one["new"], places=one["places"]
        )
        version.below.append(line)
        for above in (agent, version):
            above.records += count
            above.raw += one["raw"]
            above.damaged += one["damaged"]
            above.new = above.new or one["new"]
            above.places = above.places + one["places"]
    for above in (*agents.values(), *versions.values()):
        above.note = _share(above)
    return list(agents.values())


def _share(line: Line) -> str:
    if not line.records:
        return ""
    share = 100 * (line.records - line.raw) / line.records
    shown = "100 %" if not line.raw else f"{min(share, 99.99):.2f} %"
    news = sum(one.new for one in line.below if not one.below)
    return shown + (f" · {news} new type{'' if news == 1 else 's'}" if news else "")


def summary(told: dict[str, Any]) -> str:
    """The report in a sentence."""
    if not told["files"]:
        return "There are no sessions to read."
    share = 100 * told["understood"] / told["records"] if told["records"] else 100.0
    shown = "100" if told["understood"] == told["records"] else f"{min(share, 99.99):.2f}"
    files = f"{told['files']:,} file{'' if told['files'] == 1 else 's'}"
    rest = ", ".join(f"{told[name]:,} {name}" for name in ("raw", "damaged") if told[name])
    return f"{told['records']:,} records in {files}: {shown} % understood" + (f", {rest}" if rest else "")
