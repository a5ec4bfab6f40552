"""Linear: issues, and what is said about them. A comment belongs to its issue, whatever its own id is."""

from __future__ import annotations

from typing import Any, Final

import orjson

from store.webhooks.base import Event, Headers, Sender, body_id, dig, fresh, hexed, names, number, word

WINDOW_S: Final = 60  # as Linear recommends
# Where an event names its issue, the surest place first.
_ISSUE: Final = (
    ("data", "issue", "id"), ("data", "issueId"), ("data", "comment", "issueId"), ("data", "comment", "issue", "id"),
    ("agentSession", "issue", "id"), ("agentSession", "issueId"), ("notification", "issue", "id"),
    ("notification", "issueId"),
)  # fmt: skip


def verify(headers: Headers, body: bytes, secret: str, now: float) -> str:
    wrong = hexed(headers, ("linear-signature",), body, secret)
    if wrong:
        return wrong
    try:
        signed = number(dig(orjson.loads(body), "webhookTimestamp"))
    except ValueError:
        return ""  # that it is no JSON is said when it is read
    return "" if signed is None else fresh(signed / 1000, now, WINDOW_S)


def event(headers: Headers, payload: dict[str, Any], body: bytes) -> Event:
    kind = word(payload.get("type")) or headers.get("linear-event", "")
    actor = payload.get("actor")
    key, how = _key(payload, kind)
    return Event(
        "linear",
        event=kind,
        action=word(payload.get("action")),
        sender=word(dig(actor, "name")),
        authors=names(
            dig(actor, "name"), dig(actor, "id"), dig(actor, "email"), dig(payload, "data", "userId"),
            dig(payload, "data", "user", "id"), dig(payload, "data", "user", "name"),
        ),
        delivery=headers.get("linear-delivery", "") or body_id(body),
        key=key,
        how=how,
        repo=word(dig(payload, "data", "team", "key")),
    )  # fmt: skip


def _key(payload: dict[str, Any], kind: str) -> tuple[str, str]:
    places = (("data", "id"), *_ISSUE) if kind == "Issue" else _ISSUE
    for place in places:
        found = word(dig(payload, *place))
        if found:
            return f"linear:issue:{found}", ".".join(place)
    return "", "This event is of no issue."


SENDER: Final = Sender(
    "linear", "Linear", verify, event, "Settings → API → Webhooks: the signing secret that is shown there."
)
