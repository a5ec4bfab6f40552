"""A trigger: what starts runs, and how. Its fields, what each may be, and one sentence for what it may not. Pure."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct

from store import clock, filters, webhooks
from store.errors import StoreError
from store.prompts import LIMIT, MOST, fields
from store.runners import named, runners
from store.runners.base import Ability

WEBHOOKS: Final = ("github", "linear", "clickup", "stripe", "generic")
SOURCES: Final = (*WEBHOOKS, "file", "schedule", "hand")
TITLES: Final = {"file": "A file changes", "schedule": "The clock", "hand": "By hand only"}
ACTIONS: Final = {
    "prompt": "Send a prompt",
    "skill": "Run a skill or slash command",
    "script": "Run a command (the payload is on its standard input)",
}
_STEP: Final = re.compile(r"\$?\.?[^.\[\]\s][^.\[\]]*(\[(\d+|\*)\])*(\.[^.\[\]]+(\[(\d+|\*)\])*)*")
_TRUE: Final = frozenset({"true", "1", "on", "yes"})
_FALSE: Final = frozenset({"false", "0", "off", "no", ""})


class Trigger(Struct, frozen=True, kw_only=True):
    """One of them. `id` 0: not saved yet. Times are microseconds UTC; `payload_limit` counts characters."""

    id: int = 0
    name: str = ""
    slug: str = ""
    source: str = "github"
    action: str = "prompt"
    runner: str = "claude-code"
    cwd: str = ""
    prompt: str = ""
    permission: str = ""
    model: str = ""
    resume_sessions: bool = False
    timeout_s: int = 600
    max_parallel: int = 2
    payload_limit: int = LIMIT
    enabled: bool = True
    key_path: str = ""
    own_authors: tuple[str, ...] = ()
    filter: Mapping[str, tuple[str, ...]] = {}
    schedule: str = ""
    watch_path: str = ""
    command: str = ""
    repeats: bool = False
    secret_ref: str = ""
    created: int = 0
    updated: int = 0


FIELDS: Final = tuple(
    name for name in Trigger.__struct_fields__ if name not in ("id", "slug", "secret_ref", "created", "updated")
)
"""What a user can set."""


def source_title(source: str) -> str:
    """A source in words."""
    return TITLES.get(source) or webhooks.named(source).title


def resumable(trigger: Trigger) -> Ability:
    """Whether its runs can go on in the session of their thread, and why not."""
    if trigger.action == "script":
        return Ability(False, "A script has no session to go on with.")
    try:
        return named(trigger.runner).abilities.resume
    except StoreError as error:
        return Ability(False, str(error))


def slug_of(name: str) -> str:
    """A name as a part of an address."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "trigger"


def checked(values: Mapping[str, object], old: Trigger) -> tuple[Trigger, dict[str, str]]:
    """(the trigger with these values, {field: what is wrong}). What is not named stays as it is."""
    made: dict[str, Any] = {name: getattr(old, name) for name in Trigger.__struct_fields__}
    errors: dict[str, str] = {}
    for name, value in values.items():
        if name not in FIELDS:
            errors[name] = f"A trigger has no {name}."
            continue
        try:
            made[name] = _CHECKS.get(name, _text)(value)
        except ValueError as error:
            errors[name] = str(error)
    found = Trigger(**made)
    for name, sentence in _together(found):
        errors.setdefault(name, sentence)
    return found, errors


def _together(one: Trigger) -> list[tuple[str, str]]:
    """What fields must be for each other."""
    wrong: list[tuple[str, str]] = []
    if not one.name:
        wrong.append(("name", "A name is needed."))
    if not one.prompt.strip():
        wrong.append(("prompt", "What is to be run? A prompt or a command is needed."))
    wrong += _folder(one.cwd)
    try:
        runner = named(one.runner)
    except StoreError as error:
        return [*wrong, ("runner", str(error))]
    if (one.action == "script") != runner.script:
        able = " or ".join(other.name for other in runners() if other.script)
        wrong.append(("runner", f"A command needs the runner {able}, and that one takes nothing else."))
    modes = runner.abilities.modes
    if one.permission and one.permission not in modes:
        why = f"one of {', '.join(modes)}" if modes else "none, for it has no permission modes"
        wrong.append(("permission", f"{runner.title}: {why}."))
    if runner.abilities.command.ok:
        wrong += _command(one.command)
    elif one.command:
        wrong.append(("command", runner.abilities.command.why))
    if one.action == "script" and fields(one.prompt):
        wrong.append(("prompt", "A command takes no fields of the payload: that comes on its standard input."))
    if one.resume_sessions and not resumable(one).ok:
        wrong.append(("resume_sessions", resumable(one).why))
    if one.resume_sessions and one.source in ("generic", "hand") and not one.key_path:
        wrong.append(("key_path", "To resume, name where the thread's key is, such as data.ticket.id."))
    if one.source == "schedule" and not one.schedule:
        wrong.append(("schedule", "When? Such as daily 03:00, weekdays 09:30 or every 15m."))
    if one.source == "file":
        wrong += _watched(one.watch_path)
    return wrong


def _command(text: str) -> list[tuple[str, str]]:
    """Words without fields: what comes in is never part of a command line."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        return [("command", f"This is no command line: {error}.")]
    return [] if words else [("command", "Which agent? Its command line is needed, such as opencode acp.")]


def _folder(cwd: str) -> list[tuple[str, str]]:
    path = Path(cwd)
    if not cwd:
        return [("cwd", "A working directory is needed.")]
    if not path.is_absolute():
        return [("cwd", "The whole path is needed, from / on.")]
    return [] if path.is_dir() else [("cwd", f"{cwd} is no folder.")]


def _watched(text: str) -> list[tuple[str, str]]:
    path = Path(text)
    if not text or not path.is_absolute():
        return [("watch_path", "The whole path of a file or a folder is needed.")]
    if not path.exists() and not path.parent.is_dir():
        return [("watch_path", f"The folder {path.parent} is not there.")]
    return []


# ---- single fields; each raises ValueError with a sentence


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("A text is needed.")
    if "\0" in value:
        raise ValueError("NUL characters cannot be in here.")
    return value


def _line(value: object, most: int = 200) -> str:
    text = _text(value).strip()
    if len(text) > most:
        raise ValueError(f"At most {most:,} characters.")
    if any(unicodedata.category(one) == "Cc" for one in text):
        raise ValueError("One line is needed.")
    return text


def _path(value: object) -> str:
    text = _text(value).strip()
    return str(Path(text).expanduser()) if text else ""


def flag(value: object) -> bool:
    """true, false, 1, 0, "on", "off"; nothing else. Raises ValueError."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, (str, int)) else None
    if text in _TRUE:
        return True
    if text in _FALSE and text != "":
        return False
    raise ValueError("On or off is needed.")


def _whole(low: int, high: int) -> Any:
    def check(value: object) -> int:
        text = str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        if not re.fullmatch(r"-?\d{1,9}", text):
            raise ValueError("A whole number is needed.")
        if not low <= int(text) <= high:
            raise ValueError(f"From {low:,} to {high:,}.")
        return int(text)

    return check


def _choice(*choices: str) -> Any:
    def check(value: object) -> str:
        if value not in choices:
            raise ValueError(f"One of {', '.join(choices)}.")
        return str(value)

    return check


def _authors(value: object) -> tuple[str, ...]:
    some = value.split(",") if isinstance(value, str) else value
    if not isinstance(some, (list, tuple)) or not all(isinstance(one, str) for one in some):
        raise ValueError("Names, with commas between them.")
    return tuple(dict.fromkeys(one.strip() for one in some if one.strip()))


def _filter(value: object) -> dict[str, tuple[str, ...]]:
    if isinstance(value, str) and value.strip():
        try:
            value = orjson.loads(value)
        except ValueError:
            raise ValueError('JSON is needed, such as {"action": ["opened", "reopened"]}.') from None
    return filters.parsed(value)


def _key_path(value: object) -> str:
    text = _line(value)
    if text and not _STEP.fullmatch(text):
        raise ValueError("Names with dots between them are needed, such as data.ticket.id or labels[0].name.")
    return text


def _schedule(value: object) -> str:
    text = _line(value)
    if text:
        clock.parsed(text)
    return text


_CHECKS: Final[dict[str, Any]] = {
    "name": _line, "source": _choice(*SOURCES), "action": _choice(*ACTIONS), "runner": _line, "cwd": _path,
    "permission": _line, "model": _line, "resume_sessions": flag, "timeout_s": _whole(1, 86_400),
    "max_parallel": _whole(1, 32), "payload_limit": _whole(200, MOST), "enabled": flag, "own_authors": _authors,
    "command": partial(_line, most=4_000), "filter": _filter, "key_path": _key_path, "schedule": _schedule,
    "watch_path": _path, "repeats": flag,
}  # fmt: skip
