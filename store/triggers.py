"""Triggers as the panel and the commands see them: listed, saved, deleted, tried out, and what came in for them.

Every function opens the database itself and is slow: call it off the GUI thread. Everything raises StoreError.
"""

from __future__ import annotations

import secrets as random
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct
from sqlalchemy import Connection

from store import secrets, webhooks, word
from store.db import deliveries_db, reads, triggers_db
from store.db.serving import ask, host_here, note, once
from store.errors import StoreError
from store.filters import KEYS, Tested
from store.judge import ACCEPTED, REFUSED, Judged, judged, prompt_of
from store.runners import named
from store.runners.base import Ask, refuse
from store.settings import RESUME_NEW, Settings
from store.trigger import ACTIONS, FIELDS, SOURCES, WEBHOOKS, Trigger, checked, resumable, slug_of, source_title

__all__ = [
    "ACTIONS", "FIELDS", "KEYS", "SOURCES", "WEBHOOKS", "Delivery", "Preview", "Saved", "Trigger", "blank",
    "delete_trigger", "deliveries", "find", "hook_path", "list_triggers", "payload_of", "preview", "resumable",
    "save_trigger", "set_enabled", "source_title",
]  # fmt: skip
HOOKS: Final = "/hooks/"


class Saved(Struct, frozen=True):
    """What came of saving; nothing was with `errors` ({field: sentence}). `secret`: a new one, shown this once."""

    trigger: Trigger | None
    errors: dict[str, str] = {}
    told: str = ""
    secret: str = ""


class Preview(Struct, frozen=True):
    """What a payload would lead to. `verdict`: accepted, skipped or refused, with `reason`; nothing was started.

    `signature`: '' right or not asked for, else what is wrong. `missing`: fields of the template that the payload has
    not. `cut`: what of it is left out of the prompt. `why_no_resume`: why its runs begin anew; ''.
    """

    verdict: str
    reason: str
    key: str
    how: str
    event: str
    action: str
    sender: str
    conditions: tuple[Tested, ...]
    prompt: str
    missing: tuple[str, ...]
    cut: str
    command: tuple[str, ...]
    stdin: bytes | None
    why_no_resume: str
    signature: str = ""


class Delivery(Struct, frozen=True):
    """One that came in. `handled` None: its run has not ended. `run_id`: the last run that was made of it.

    `compacts`: a run goes on that makes its thread's session shorter, before its own begins.
    """

    id: int
    trigger_id: int | None
    received: int
    handled: int | None
    source: str
    delivery_id: str | None
    event: str
    action: str
    sender: str
    verdict: str
    bytes: int
    run_id: str | None
    thread_key: str | None
    reason: str
    compacts: bool = False

    @property
    def state(self) -> str:
        """skipped, refused, done; waiting, compacting, running."""
        if self.handled is not None or self.verdict != ACCEPTED:
            return self.verdict if self.verdict != ACCEPTED else "done"
        return "running" if self.run_id is not None else "compacting" if self.compacts else "waiting"


def hook_path(trigger: Trigger) -> str:
    """Where its sender sends to, below the receiver's address; '' for one that receives nothing."""
    return HOOKS + trigger.slug if trigger.source in WEBHOOKS else ""


def blank(settings: Settings) -> Trigger:
    """What the form for a new one begins with."""
    return Trigger(resume_sessions=settings[RESUME_NEW], permission=named("claude-code").abilities.modes[0])


def list_triggers(db: Path) -> tuple[Trigger, ...]:
    """All of this machine, by name; one statement."""
    rows = ask(db, f"{triggers_db.SELECT} ORDER BY lower(name), id", (host_here(db),))
    return tuple(_trigger(row) for row in rows)


def find(db: Path, wanted: str | int) -> Trigger:
    """By its number, its address or its name; a number that is an int is nothing else."""
    every = list_triggers(db)
    text = str(wanted)
    if isinstance(wanted, int):
        every = tuple(one for one in every if one.id == wanted)  # one that is called so is another one
    for fits in (lambda one: str(one.id) == text, lambda one: one.slug == text, lambda one: one.name == text):
        found = [one for one in every if fits(one)]
        if len(found) == 1:
            return found[0]
    known = ", ".join(one.slug for one in every) or "none yet: make one with `playhead triggers add`"
    raise StoreError(f"There is no trigger {text}. There are: {known}.")


def _trigger(row: tuple[Any, ...]) -> Trigger:
    values = dict(zip(triggers_db.COLUMNS, row, strict=True))
    for name in ("resume_sessions", "enabled", "repeats"):
        values[name] = bool(values[name])
    values["own_authors"] = tuple(orjson.loads(values["own_authors"]))
    values["filter"] = {name: tuple(some) for name, some in orjson.loads(values["filter"]).items()}
    return Trigger(**values)


def save_trigger(
    db: Path, values: Mapping[str, object], id: int | None = None, secret: str | None = None, actor: str = "user"
) -> Saved:
    """Make a new one, or change some fields of one. `secret`: '' makes a new one, None leaves it as it is.

    Says what is wrong per field; then nothing is changed.
    """
    old = find(db, id) if id is not None else Trigger()
    made, errors = checked(values, old)
    if errors:
        return Saved(None, errors)
    shown, told, ref = "", "", old.secret_ref
    if made.source in WEBHOOKS and (secret is not None or not ref):
        shown = "" if secret else random.token_hex(32)
        ref, told = secrets.keep(db, secret or shown, ref)
    now, host = time.time_ns() // 1000, host_here(db)
    fields: dict[str, Any] = {name: getattr(made, name) for name in FIELDS}
    fields |= {
        "resume_sessions": int(made.resume_sessions), "enabled": int(made.enabled), "repeats": int(made.repeats),
        "secret_ref": ref, "updated": now,
        "own_authors": orjson.dumps(made.own_authors).decode(), "filter": orjson.dumps(made.filter).decode(),
    }  # fmt: skip

    def write(tx: Connection) -> int:
        if id is not None:
            if not triggers_db.change(tx, old.id, fields, host):
                raise StoreError(f"The trigger {old.name} is not there any more.")
            changed = [name for name in FIELDS if getattr(made, name) != getattr(old, name)]
            what = ", ".join(changed + ["secret"] * (secret is not None)) or "nothing"
            note(tx, "trigger changed", f"{made.name}: {what}", actor)
            return old.id
        slug, count = slug_of(made.name), 1
        while triggers_db.taken(tx, slug, host, None):
            count += 1
            slug = f"{slug_of(made.name)}-{count}"
        note(tx, "trigger added", made.name, actor)
        return triggers_db.add(tx, {**fields, "slug": slug, "host": host, "created": now})

    number = once(db, write)
    word.tell(db.parent, word.TRIGGERS)
    return Saved(find(db, number), told=told, secret=shown)


def set_enabled(db: Path, id: int, on: bool, actor: str = "user") -> None:
    """Switch it on or off; what it has accepted still runs."""
    one, host = find(db, id), host_here(db)

    def write(tx: Connection) -> None:
        triggers_db.change(tx, one.id, {"enabled": int(on), "updated": time.time_ns() // 1000}, host)
        note(tx, "trigger switched " + ("on" if on else "off"), one.name, actor)

    once(db, write)
    word.tell(db.parent, word.TRIGGERS)


def delete_trigger(db: Path, id: int, actor: str = "user") -> None:
    """It and its threads are gone, and what waited for it; its runs and deliveries stay in their logs."""
    one, host = find(db, id), host_here(db)

    def write(tx: Connection) -> None:
        triggers_db.remove(tx, one.id, host)
        note(tx, "trigger deleted", one.name, actor)

    once(db, write)
    word.tell(db.parent, word.TRIGGERS)
    secrets.forget(db, one.secret_ref)


def preview(
    trigger: Trigger, payload: bytes, headers: Mapping[str, str] | None = None, secret: str | None = None
) -> Preview:
    """What this payload would lead to, as the receiver and its run would see it. `secret`: to check the signature."""
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    wrong = ""
    if secret is not None and trigger.source in WEBHOOKS:
        wrong = webhooks.named(trigger.source).verify(lower, payload, secret, time.time())
    found = judged(trigger, lower, payload)
    prompt = prompt_of(trigger, found)
    command, stdin, why = _command(trigger, prompt.text, payload)
    verdict, reason = (REFUSED, wrong) if wrong else (found.verdict, found.reason)
    if verdict == ACCEPTED and why:
        verdict, reason = REFUSED, why
    return Preview(
        verdict, reason, found.key, found.how, found.event.event, found.event.action, found.event.sender,
        found.conditions, prompt.text, prompt.missing, prompt.cut, command, stdin, why_fresh(trigger, found), wrong,
    )  # fmt: skip


def why_fresh(trigger: Trigger, found: Judged) -> str:
    """Why a run of it begins a new session; '' when it goes on in its thread's."""
    if not trigger.resume_sessions:
        return "Resume is off: every event begins a new session."
    able = resumable(trigger)
    if not able.ok:
        return f"Not supported by this runner: {able.why}"
    return "" if found.key else f"No thread key: {found.how}"


def _command(trigger: Trigger, prompt: str, payload: bytes) -> tuple[tuple[str, ...], bytes | None, str]:
    asked = ask_of(trigger, prompt, payload)
    try:
        runner = named(trigger.runner)
        why = refuse(asked, runner.abilities, runner.title)
        if why:
            return (), None, why
        command = runner.command(asked)
    except StoreError as error:
        return (), None, str(error)
    return command.argv, command.stdin, ""


def ask_of(trigger: Trigger, prompt: str, payload: bytes, resume: str = "") -> Ask:
    """What its runner is asked: the payload is in the prompt, or on standard input, and nowhere else."""
    given = payload if trigger.action == "script" else None
    return Ask(prompt, Path(trigger.cwd), resume, permission=trigger.permission, llm=trigger.model, input=given,
               command=trigger.command)  # fmt: skip


def deliveries(db: Path, trigger_id: int | None = None, limit: int = 200) -> tuple[Delivery, ...]:
    """What came in, newest first."""
    where, values = (" AND trigger_id = ?", (trigger_id,)) if trigger_id is not None else ("", ())
    sql = f"{deliveries_db.SELECT}{where} ORDER BY id DESC LIMIT ?"
    return tuple(Delivery(*(*row[:-1], bool(row[-1]))) for row in ask(db, sql, (host_here(db), *values, limit)))


def payload_of(db: Path, delivery_id: int) -> bytes:
    """The body as it came."""
    found = ask(db, deliveries_db.PAYLOAD, (delivery_id,))
    if not found or found[0][0] is None:
        raise StoreError(f"The payload of delivery {delivery_id} is not kept any more.")
    try:
        return zlib.decompress(found[0][0])
    except zlib.error as error:
        raise reads.damage(db) from error
