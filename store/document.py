"""What of a row can be searched: its words in four columns, and its facets as words that no text has. Pure.

The index holds what `document` gave, and forgets a row by being told the same again: a change here that gives another
answer for a row of yesterday needs the next VERSION, and the index is then made anew.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import orjson

from store.items import Item, Message, Notice, Plan, Prompt, Raw, Thought, Tool, kind_of

VERSION: Final = 1
COLUMNS: Final = ("said", "thought", "input", "output")  # and `facets` behind them
Document: TypeAlias = tuple[str, str, str, str, str]

# Private characters that the tokenizer takes for letters. A text that has them loses them (fonts of icons end below).
FACET: Final = "\U0010fffd"
JOIN: Final = "\U0010fffc"
_PRIVATE: Final = re.compile(f"[{FACET}{JOIN}]")
_ESCAPE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-Z])")
# Scripts without spaces: a run of them would be one word. Every sign is made one, and a query for some is a phrase.
_RUNS: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")


def plain(text: str) -> str:
    """The text without what only a terminal reads."""
    return _ESCAPE.sub("", text) if "\x1b" in text else text


def spaced(text: str) -> str:
    """The text as the tokenizer is to see it, also that of a query."""
    text = plain(text)
    if text.isascii():
        return text
    return _RUNS.sub(r" \g<0> ", _PRIVATE.sub(" ", text))


def facet(sort: str, value: str) -> str:
    """One word for a facet: 'k' kind, 't' tool, 's' state."""
    return FACET + sort + "".join(char if char.isalnum() else JOIN for char in value.lower())


def document(item: Item) -> Document:
    """The row for the index."""
    facets = _kinds(kind_of(item))
    if item.agent:
        facets += " " + _SUBAGENT
    said = thought = given = output = ""
    match item:
        case Tool():
            given, output = _given(item), _output(item)
            facets += f" {facet('t', item.name)} {facet('s', item.status)}"
        case Message():
            said = str(item.text)
        case Thought():
            thought = str(item.text)
        case Prompt():
            said = item.text
        case Notice():
            said = f"{item.text}\n{item.detail}" if item.detail else item.text
            if item.level == "error":
                facets += " " + _FAILED
        case Plan():
            said = "\n".join([text for text, _ in item.entries])
        case Raw():
            said = item.text
    return spaced(said), spaced(thought), spaced(given), spaced(output), facets


def texts(item: Item) -> tuple[str, str, str, str]:
    """The same words as people wrote them, by column: what a hit is shown from."""
    match item:
        case Tool():
            return "", "", _given(item), _output(item)
        case Message():
            return str(item.text), "", "", ""
        case Thought():
            return "", str(item.text), "", ""
        case Prompt() | Raw():
            return item.text, "", "", ""
        case Notice():
            return f"{item.text}\n{item.detail}" if item.detail else item.text, "", "", ""
        case Plan():
            return "\n".join([text for text, _ in item.entries]), "", "", ""


def _given(item: Tool) -> str:
    """What the tool was called with: the values of its JSON, because its keys are the same in every call."""
    source = str(item.input)
    if not source:
        return item.title
    try:
        value = orjson.loads(source)
    except orjson.JSONDecodeError:
        given = source  # still being streamed, or broken off
    else:
        given = "\n".join(_values(value))
    return given if not item.title or item.title in given else f"{item.title}\n{given}"


def _values(value: object) -> list[str]:
    found: list[str] = []
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if type(value) is str:
            found.append(value)
        elif type(value) is dict:
            waiting.extend(reversed(value.values()))
        elif type(value) is list:
            waiting.extend(reversed(value))
        elif value is not None and type(value) is not bool:
            found.append(str(value))
    return found


def _output(item: Tool) -> str:
    """What came back, and of a diff the lines that the call did not say already."""
    output = str(item.output)
    if not item.hunks:
        return output
    given = str(item.input)
    lines = [output] if output else []
    for hunk in item.hunks:
        for line in hunk.lines:
            text = line[1:]
            if text and text not in given:
                lines.append(text)
    return "\n".join(lines)


def _kinds(kind: str) -> str:
    """A kind and all it is a kind of: 'tool.shell' is found by 'tool' too. Remembered: there are a few dozen."""
    known = _KINDS.get(kind)
    if known is None:
        parts = kind.split(".")
        known = " ".join(facet("k", ".".join(parts[: end + 1])) for end in range(len(parts)))
        if len(_KINDS) < 1_000:  # notices can have any kind
            _KINDS[kind] = known
    return known


_KINDS: dict[str, str] = {}
_SUBAGENT: Final = facet("s", "subagent")
_FAILED: Final = facet("s", "failed")
