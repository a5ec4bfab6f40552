"""Which text, put behind a paragraph, only adds to it and changes nothing before: it needs no second parse. Qt-free."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from viewer.rows.clean import breakable, clean

Kind = Literal["plain", "strong", "code"]


class Run(NamedTuple):
    """Characters of one look."""

    text: str
    look: Kind


# Code, and a few bold words: whole, with a space before, so that they mean the same whatever stands around them.
_WHOLE = re.compile(r"(?<!\S)(?:`([^`\s]+(?: [^`\s]+)*)`|\*\*([^\W_]+(?: [^\W_]+)*)\*\*)(?![^\s.,;:])")
# What may begin, end, or be anything but words; and what is not said as it is written.
_SIGN = re.compile(r"[`*_~\[\]<>&\\|!@#$\t\n\r]|  |//|[wW]{2}")
# A last line that stays what it is, whatever follows: words, or an item of a list.
_LINE = re.compile(r"(?:[-*+] |\d{1,3}[.)] )?[^\W\d_]{2}")


def calm(source: str) -> bool:
    """Whether the open paragraph of a piece has no sign that what comes could complete, or that could change it."""
    start = source.rfind("\n\n") + 2 if "\n\n" in source else 0
    text = source[start:]
    last = text.rsplit("\n", 1)[-1]
    item = _LINE.match(last)
    if item is None:
        return False
    words = text if last is not text else text[item.end() - 2 :]
    # Lines of one paragraph only; with signs in them, the engine is asked.
    return _SIGN.search(_WHOLE.sub("x", words).replace("\n", " ")) is None


def runs(before: str, new: str) -> list[Run] | None:
    """What stands behind a calm text when `new` is appended; None: ask the engine. Ends as paragraphs do: no space."""
    whole = before[-1:] + new
    if before[-1:] in ("`", "*") and new[:1] not in (" ", ".", ",", ";", ":"):
        return None
    if clean(new) is not new:
        return None
    near = before[-500:] + new
    if len(near) > 500 and breakable(near) != near:
        return None
    found: list[Run] = []
    at = 0 if before.endswith(" ") else 1  # a space at the end is in no document yet
    end = len(whole.rstrip(" "))
    start = at
    plain: list[str] = []
    for match in _WHOLE.finditer(whole, at):
        said = whole[start : match.start()]
        plain.append(said)
        code = match.group(1)
        found += (Run(said, "plain"), Run(code or match.group(2), "code" if code else "strong"))
        start = match.end()
    said = whole[start:end]
    plain.append(said + whole[end:])
    found.append(Run(said, "plain"))
    joined = "x".join(plain)
    if _SIGN.search(joined) is not None:
        return None
    return [run for run in found if run.text]
