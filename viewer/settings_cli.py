"""`playhead settings`: read and set what the settings dialog and the sessions panel set. No Qt."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from store import audit
from store.errors import StoreError
from store.paths import config_dir, data_dir
from store.settings import DECLARED, AnySetting, Settings, declared

HELP: str = """\
Every setting by its name, such as threads.cleanup_days. A window that is open takes over what is set here."""

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]
Say = Callable[[str], None]


def options(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.formatter_class = HELP, argparse.RawDescriptionHelpFormatter
    what = parser.add_subparsers(dest="what", required=True, metavar="get|set")
    one = what.add_parser("get", help="all settings, or these", allow_abbrev=False)
    one.add_argument("names", nargs="*", metavar="NAME")
    one.add_argument("--json", action="store_true", help="one JSON object")
    one = what.add_parser("set", help="change one or more", allow_abbrev=False)
    one.add_argument("values", nargs="+", metavar="NAME=VALUE")
    one.add_argument("--json", action="store_true", help="one JSON object")


def run(chosen: argparse.Namespace, lines: Lines, print_: Print, say: Say) -> int:
    """See HELP. Raises StoreError."""
    settings = Settings(config_dir() / "settings.toml")
    for warning in settings.warnings:
        say(warning)
    if chosen.what == "set":
        wanted = [_named(text.partition("=")[0].strip()) for text in chosen.values]
        _set(settings, dict(zip(wanted, (text.partition("=") for text in chosen.values), strict=True)))
    else:
        wanted = [_named(name) for name in chosen.names] or list(DECLARED)
    told = {one.name: _plain(settings[one]) for one in wanted}
    if chosen.json:
        lines([told])
    else:
        print_(f"{name} = {_shown(value)}" for name, value in told.items())
    return 0


def _set(settings: Settings, given: dict[AnySetting, tuple[str, str, str]]) -> None:
    values: dict[str, object] = {}
    for setting, (name, sign, text) in given.items():
        if not sign:
            raise StoreError(f"{name}: a value is needed, as in {name}={_shown(_plain(setting.default))}.")
        values[setting.name] = _parsed(setting, text.strip())
    before = {name: settings[declared(name)] for name in values}
    try:
        settings.put(values)
    except ValueError as error:
        raise StoreError(str(error)) from error
    except OSError as error:
        raise StoreError(f"{settings.path} cannot be written: {error.strerror or error}.") from error
    for name, old in before.items():
        if settings[declared(name)] != old:
            now = _shown(_plain(settings[declared(name)]))
            audit.note(data_dir() / "playhead.db", "settings", f"{name}: {_shown(_plain(old))} → {now}", actor="cli")


def _parsed(setting: AnySetting, text: str) -> object:
    """A text as the setting's kind; what cannot be one is left for `check` to say so."""
    kind = type(setting.default)
    if kind is bool:
        return {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}.get(text.lower(), text)
    if kind is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return kind(text)
    except ValueError:
        return text


def _named(name: str) -> AnySetting:
    try:
        return declared(name)
    except KeyError:
        raise StoreError(f"There is no setting {name}. playhead settings get lists them.") from None


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
