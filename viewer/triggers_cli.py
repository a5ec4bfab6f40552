"""`playhead triggers`: what starts runs; listed, made, changed, tried out, fired, and what came in. No Qt."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import to_builtins

from store import stops, triggers
from store.errors import StoreError
from store.paths import config_dir, data_dir
from store.runs import Runs
from store.settings import Settings
from store.triggers import FIELDS, Delivery, Preview, Saved, Trigger
from viewer import stopping, wording
from viewer.serving import HEARS_S, service_for

HELP: str = """\
A trigger starts a run: source, filter, runner, folder, prompt. Fields are given as NAME=VALUE, such as
  playhead triggers add name=review source=github cwd=~/project prompt='Look at {{comment.body}}' resume_sessions=on
In a prompt, {{event}}, {{action}}, {{sender}}, {{key}}, {{payload}} and every path of the payload are filled in.
A secret is made, and shown once, unless --secret says one; it lies in the keyring."""
FILES: Final = "@"  # before a name: the value is in that file

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]
Say = Callable[[str], None]


def options(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.formatter_class = HELP, argparse.RawDescriptionHelpFormatter
    what = parser.add_subparsers(
        dest="what", required=True, metavar="list|show|add|edit|remove|test|fire|deliveries|payload|stop|cancel"
    )

    def command(name: str, text: str, wanted: bool = True) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = what.add_parser(name, help=text, allow_abbrev=False)
        if wanted:
            made.add_argument("trigger", metavar="TRIGGER", help="its number, address or name")
        made.add_argument("--json", action="store_true", help="as JSON")
        return made

    command("list", "all of them", wanted=False)
    command("show", "everything about one")
    for name, text in (("add", "make one"), ("edit", "change some fields")):
        one = command(name, text, wanted=name == "edit")
        one.add_argument("fields", nargs="*", metavar="NAME=VALUE", help=", ".join(FIELDS))
        one.add_argument("--secret", metavar="TEXT", help="@FILE, env:VARIABLE, - (standard input) or new")
    command("remove", "delete one, with its threads")
    one = command("test", "what a payload would lead to; nothing is started")
    one.add_argument("payload", metavar="FILE", help="a JSON file, or - for standard input")
    one.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help="as the sender sends it")
    one = command("fire", "run it now")
    one.add_argument("payload", nargs="?", default="", metavar="FILE", help="a JSON file, or - for standard input")
    one.add_argument("--delivery", type=int, metavar="N", help="the payload of a delivery that was here before")
    one = command("deliveries", "what came in, newest first", wanted=False)
    one.add_argument("trigger", nargs="?", default="", metavar="TRIGGER")
    one.add_argument("--limit", type=int, default=50, metavar="N")
    one = command("payload", "the body of a delivery", wanted=False)
    one.add_argument("delivery", type=int, metavar="N")
    one = command("stop", "end the run of a delivery, with all that it has started", wanted=False)
    one.add_argument("delivery", type=int, metavar="N")
    one = command("cancel", "take a delivery that waits out of the queue", wanted=False)
    one.add_argument("delivery", type=int, metavar="N")
    one.add_argument("--undo", action="store_true", help="let one that was cancelled wait again")


def run(chosen: argparse.Namespace, lines: Lines, print_: Print, say: Say) -> int:
    """See HELP. Raises StoreError. 1: a test that would not run, or a run that did not end well."""
    db = data_dir() / "playhead.db"
    match chosen.what:
        case "list":
            found = triggers.list_triggers(db)
            if chosen.json:
                lines(_object(one) for one in found)
            else:
                print_(_table(found))
        case "show":
            one = triggers.find(db, chosen.trigger)
            if chosen.json:
                lines([_object(one)])
            else:
                print_(f"{name:<16} {_plain(value)}" for name, value in _object(one).items())
        case "add":
            blank = triggers.blank(Settings(config_dir() / "settings.toml"))
            usual = {"resume_sessions": blank.resume_sessions, "permission": blank.permission}
            values = _values(chosen.fields)
            if values.get("runner", blank.runner) != blank.runner or values.get("action", "prompt") == "script":
                usual = {}
            _saved(triggers.save_trigger(db, {**usual, **values}, secret=_secret(chosen.secret), actor="cli"),
                   chosen, lines, print_)  # fmt: skip
        case "edit":
            one = triggers.find(db, chosen.trigger)
            saved = triggers.save_trigger(db, _values(chosen.fields), one.id, _secret(chosen.secret), actor="cli")
            _saved(saved, chosen, lines, print_)
        case "remove":
            one = triggers.find(db, chosen.trigger)
            triggers.delete_trigger(db, one.id, actor="cli")
            _tell(chosen, lines, print_, {"removed": one.slug}, f"{one.name} is deleted, with its threads.")
        case "test":
            one = triggers.find(db, chosen.trigger)
            preview = triggers.preview(one, _read(chosen.payload), _headers(chosen.header))
            if chosen.json:
                lines([to_builtins(preview)])
            else:
                print_(_previewed(preview))
            return 0 if preview.verdict == "accepted" else 1
        case "fire":
            return _fire(chosen, db, lines, print_, say)
        case "deliveries":
            number = triggers.find(db, chosen.trigger).id if chosen.trigger else None
            came = triggers.deliveries(db, number, max(1, chosen.limit))
            if chosen.json:
                lines(to_builtins(one) for one in came)
            else:
                print_(_delivered(came))
        case "stop":
            return stopping.run(db, stops.of_delivery(db, chosen.delivery), chosen.json, lines, print_)
        case "cancel" if chosen.undo:
            return stopping.brought_back(db, chosen.delivery, chosen.json, lines, print_)
        case "cancel":
            return stopping.cancelled(stops.cancel(db, chosen.delivery, actor="cli"), chosen.json, lines, print_)
        case _:
            body = triggers.payload_of(db, chosen.delivery)
            lines([orjson.loads(body)])
    return 0


def _fire(chosen: argparse.Namespace, db: Path, lines: Lines, print_: Print, say: Say) -> int:
    one = triggers.find(db, chosen.trigger)
    payload, event = (_read(chosen.payload) if chosen.payload else b"{}"), ""
    if chosen.delivery is not None:
        payload = triggers.payload_of(db, chosen.delivery)
        event = next((came.event for came in triggers.deliveries(db, one.id, 10_000) if came.id == chosen.delivery), "")
    with closing(Runs()) as runs:
        service = service_for(runs)
        try:
            service.start()
            number, reason = service.fire(one.id, payload, event)
            say(reason)
            try:
                while not service.queue.settled(HEARS_S or 3600):
                    pass
            except KeyboardInterrupt:
                say("It is stopped.")
        finally:
            service.stop()
        found = [came for came in triggers.deliveries(db, one.id) if came.id == number]
        results = [runs.wait(came.run_id, 0) for came in found if came.run_id]
    if chosen.json:
        lines(to_builtins(came) for came in found)
    else:
        print_(came.reason for came in found)
    return 0 if any(result is not None and result.state == "ok" for result in results) else 1


def _saved(saved: Saved, chosen: argparse.Namespace, lines: Lines, print_: Print) -> None:
    if saved.errors or saved.trigger is None:
        raise StoreError(" ".join(f"{name}: {sentence}" for name, sentence in saved.errors.items()))
    one = saved.trigger
    path = triggers.hook_path(one)
    told = [f"{one.name} is saved (number {one.id})."]
    told += [f"Its sender sends to {path} below the receiver's address."] if path else []
    told += [saved.told] if saved.told else []
    told += [f"The secret, shown this once: {saved.secret}"] if saved.secret else []
    _tell(chosen, lines, print_, {**_object(one), "secret": saved.secret or None, "told": saved.told}, *told)


def _tell(chosen: argparse.Namespace, lines: Lines, print_: Print, told: dict[str, Any], *text: str) -> None:
    if chosen.json:
        lines([told])
    else:
        print_(text)


# ---- in


def _values(fields: list[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for field in fields:
        name, sign, text = field.partition("=")
        if not sign:
            raise StoreError(f"{field}: fields are given as NAME=VALUE. There are {', '.join(FIELDS)}.")
        found[name.strip()] = _read(text[1:]).decode("utf-8", "replace") if text.startswith(FILES) else text
    return found


def _secret(text: str | None) -> str | None:
    if text is None:
        return None
    if text == "new":
        return ""
    if text == "-" or text.startswith(FILES):
        return _read(text.removeprefix(FILES)).decode("utf-8", "replace").strip()
    return text


def _headers(given: list[str]) -> dict[str, str]:
    pairs = [one.partition(":") for one in given]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).expanduser().read_bytes()
    except OSError as error:
        raise StoreError(f"{name} cannot be read: {error.strerror or error}.") from error


# ---- out


def _object(one: Trigger) -> dict[str, Any]:
    """Without where the secret lies under which name: nobody needs that, and everybody would copy it."""
    told: dict[str, Any] = to_builtins(one)
    told["secret_ref"] = one.secret_ref.partition(":")[0]
    told["hook"] = triggers.hook_path(one)
    return told


def _plain(value: object) -> str:
    if isinstance(value, (dict, list, tuple)):
        return orjson.dumps(value).decode()
    return str(value).lower() if isinstance(value, bool) else str(value).replace("\n", " ") or "–"


def _table(found: Iterable[Trigger]) -> Iterator[str]:
    some = False
    for one in found:
        some = True
        on = "on" if one.enabled else "off"
        resume = "resumes" if one.resume_sessions else "anew"
        yield f"{one.id:>4}  {on:<3}  {one.source:<8}  {one.runner:<12}  {resume:<7}  {one.name}  {one.cwd}"
    if not some:
        yield "No triggers yet: playhead triggers add --help says how to make one."


def _previewed(one: Preview) -> Iterator[str]:
    yield f"{one.verdict}: {one.reason}"
    yield f"event    {one.event or '–'} {one.action}".rstrip()
    yield f"sender   {one.sender or '–'}"
    yield f"key      {one.key or '–'} ({one.how})"
    for condition in one.conditions:
        yield f"filter   {'fits' if condition.fits else 'misses'}: {condition.told}"
    if one.why_no_resume:
        yield f"session  {one.why_no_resume}"
    if one.missing:
        yield f"missing  {', '.join(one.missing)}"
    if one.cut:
        yield f"left out {one.cut}"
    yield f"command  {' '.join(one.command) or '–'}"
    yield from (f"prompt   {line}" for line in one.prompt.splitlines())


def _delivered(came: Iterable[Delivery]) -> Iterator[str]:
    some = False
    for one in came:
        some = True
        state = one.verdict if one.state == "done" else one.state
        what = " ".join(filter(None, (one.event, one.action))) or "–"
        yield f"{one.id:>6}  {wording.full(one.received)}  {state:<10}  {one.thread_key or what}  {one.reason}"
    if not some:
        yield "Nothing came in yet."
