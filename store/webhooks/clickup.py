"""ClickUp: tasks. It numbers no deliveries, so an event is known by its webhook, its name and its history items."""

from __future__ import annotations

from typing import Any, Final

from store.webhooks.base import Event, Headers, Sender, body_id, dig, hexed, names, word

_TASK: Final = (("task_id",), ("data", "task_id"), ("data", "task", "id"), ("task", "id"), ("payload", "id"))


def verify(headers: Headers, body: bytes, secret: str, now: float) -> str:
    del now  # it signs no time
    return hexed(headers, ("x-signature",), body, secret)


def event(headers: Headers, payload: dict[str, Any], body: bytes) -> Event:
    del headers
    items = payload.get("history_items")
    items = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    user = items[0].get("user") if items else payload.get("user")
    ids = [word(item.get("id")) for item in items]
    name = word(payload.get("event"))
    known = all(ids) and bool(ids) and bool(word(payload.get("webhook_id")))
    key, how = _key(payload)
    return Event(
        "clickup",
        event=name,
        action=word(items[0].get("field")) if items else "",
        sender=word(dig(user, "username")),
        authors=names(dig(user, "username"), dig(user, "id"), dig(user, "email")),
        delivery=":".join((word(payload.get("webhook_id")), name, *ids)) if known else body_id(body),
        key=key,
        how=how,
    )


def _key(payload: dict[str, Any]) -> tuple[str, str]:
    for place in _TASK:
        found = word(dig(payload, *place))
        if found:
            return f"clickup:task:{found}", ".".join(place)
    return "", "This event is of no task."


SENDER: Final = Sender(
    "clickup",
    "ClickUp",
    verify,
    event,
    "The secret is in the answer to the call that makes the webhook (webhook.secret).",
)
