"""Stripe: signs time and body together, and what is older than five minutes is not taken."""

from __future__ import annotations

from typing import Any, Final

from store.webhooks.base import Event, Headers, Sender, body_id, dig, digest, fresh, names, number, same, word


def verify(headers: Headers, body: bytes, secret: str, now: float) -> str:
    given = headers.get("stripe-signature")
    if given is None:
        return "There is no signature: Stripe-Signature is needed."
    parts = _parts(given)
    times = [value for name, value in parts if name == "t"]
    signed = number(times[0]) if len(times) == 1 else None
    if signed is None:
        return "The signature says no time."
    wanted = digest(secret, said(headers, body))
    # Every one is compared, so that how long this takes says nothing. More than one: a secret is being replaced.
    if True not in [same(value, wanted) for name, value in parts if name == "v1"]:
        return "The signature is wrong: check the secret."
    return fresh(signed, now)


def said(headers: Headers, body: bytes) -> bytes:
    """What is signed: the time, and the body behind it."""
    times = [value for name, value in _parts(headers.get("stripe-signature", "")) if name == "t"]
    return ".".join(times[:1]).encode() + b"." + body


def _parts(given: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (part.strip().partition("=") for part in given.split(","))]


def event(headers: Headers, payload: dict[str, Any], body: bytes) -> Event:
    del headers
    kind, one = word(dig(payload, "data", "object", "object")), word(dig(payload, "data", "object", "id"))
    return Event(
        "stripe",
        event=word(payload.get("type")),
        authors=names(payload.get("account")),
        delivery=word(payload.get("id")) or body_id(body),
        key=f"stripe:{kind}:{one}" if kind and one else "",
        how="data.object.object and data.object.id" if kind and one else "This event is of no object with an id.",
    )


SENDER: Final = Sender(
    "stripe",
    "Stripe",
    verify,
    event,
    "Developers → Webhooks: the signing secret of the endpoint (whsec_…).",
    said,
)
