"""What becomes of an event: whom it is from, which thread it belongs to, whether a trigger wants it. Pure, no database.

The same for what comes in, for a preview in the form and for `playhead triggers test`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from msgspec import Struct

from store import filters, webhooks
from store.errors import StoreError
from store.prompts import Prompt, filled
from store.thread_keys import UnusableError, key_of
from store.trigger import Trigger
from store.webhooks.base import Event, word

ACCEPTED: Final = "accepted"
SKIPPED: Final = "skipped"  # rightly sent, and not wanted
REFUSED: Final = "refused"  # it must not run
_MUCH: Final = 200  # characters of what a sender says of itself
_ORDERS: Final = ("/", "!", "#")


class Judged(Struct, frozen=True):
    """A verdict with one sentence, and what it was found from."""

    verdict: str
    reason: str
    event: Event
    payload: dict[str, Any]
    key: str = ""
    how: str = ""
    conditions: tuple[filters.Tested, ...] = ()


def judged(trigger: Trigger, headers: Mapping[str, str], body: bytes) -> Judged:
    """Look at an event whose signature is right, or that needs none."""
    nothing = Event(trigger.source)
    try:
        payload = read(headers, body)
    except ValueError as error:
        return Judged(REFUSED, f"The body is no JSON object: {error}.", nothing, {})
    event = _event(trigger, headers, payload, body)
    try:
        key, how = key_of(event, payload, trigger.key_path)
    except UnusableError as error:
        return Judged(REFUSED, str(error), event, payload)
    tested = tuple(filters.conditions(trigger.filter, event, payload, key))
    verdict, reason = _verdict(trigger, event, tested, key, how)
    return Judged(verdict, reason, event, payload, key, how, tested)


def read(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The payload. Raises ValueError."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    # GitHub's other choice; it is also what curl says of everything, unless it is told otherwise.
    if kind == "application/x-www-form-urlencoded" and not body.lstrip().startswith(b"{"):
        found = parse_qs(body.decode("utf-8", "replace")).get("payload", [])
        if len(found) != 1:
            raise ValueError("a form without a field called payload")
        body = found[0].encode()
    payload = orjson.loads(body)
    if not isinstance(payload, dict):
        raise ValueError(f"it is a {type(payload).__name__}")
    try:
        orjson.dumps(payload)
    except TypeError:  # it reads deeper than it writes, and what cannot be written can neither be kept nor be sent
        raise ValueError("it is nested too deeply") from None
    return payload


def _event(trigger: Trigger, headers: Mapping[str, str], payload: dict[str, Any], body: bytes) -> Event:
    try:
        sender = webhooks.named(trigger.source)
    except StoreError:
        return _own(trigger, payload)
    event = sender.event(headers, payload, body)
    names = ("event", "action", "sender", "repo", "branch", "delivery")
    return Event(**{**_fields(event), **{name: getattr(event, name)[:_MUCH].replace("\0", "�") for name in names}})


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def _own(trigger: Trigger, payload: dict[str, Any]) -> Event:
    """Of a file, the clock or by hand."""
    file = word(payload.get("file"))
    key = {"file": f"file:{trigger.slug}:{file}" if file else "", "schedule": f"schedule:{trigger.slug}"}
    how = {"file": "the file's name", "schedule": "the trigger's name"}.get(
        trigger.source, "What is fired by hand has no thread, unless you name a path to its key."
    )
    return Event(
        trigger.source,
        event=word(payload.get("event")) or trigger.source,
        action=word(payload.get("action")),
        delivery=word(payload.get("delivery")),
        key=key.get(trigger.source, ""),
        how=how,
    )


def _verdict(trigger: Trigger, event: Event, tested: tuple[filters.Tested, ...], key: str, how: str) -> tuple[str, str]:
    if not trigger.enabled:
        return SKIPPED, "The trigger is switched off."
    if trigger.source == "github" and event.event == "ping":
        return SKIPPED, "GitHub's ping: the webhook works."
    own = {name.strip().lower() for name in trigger.own_authors} & {name.lower() for name in event.authors}
    if own:
        return SKIPPED, f"Caused by {', '.join(sorted(own))}, one of its own accounts."
    missed = filters.missed(tested)
    if missed:
        return SKIPPED, missed
    if key:
        return ACCEPTED, f"Thread {key} (from {how})."
    return ACCEPTED, f"No thread key: {how}"


def prompt_of(trigger: Trigger, judged: Judged) -> Prompt:
    """What the run is given. A payload never turns a prompt into a command of the agent's own (`/clear`)."""
    if trigger.action == "script":
        return Prompt(trigger.prompt)
    prompt = filled(trigger.prompt, judged.event, judged.payload, judged.key, trigger.payload_limit)
    text = _bare(prompt.text)
    if text[:1] in _ORDERS and _bare(trigger.prompt)[:1] not in _ORDERS:
        return Prompt(f"Event: {text}", prompt.missing, prompt.cut)
    return prompt


def _bare(text: str) -> str:
    """Without what agents take for blank at the beginning; to some that is more than Python strips (U+FEFF)."""
    at = next((at for at, one in enumerate(text) if unicodedata.category(one)[0] not in "CZ"), len(text))
    return text[at:]
