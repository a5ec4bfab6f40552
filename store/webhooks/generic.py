"""Any other sender: an HMAC of the body in a header, or the scheme of standardwebhooks.com, which signs id and time.

The thread's key is what lies at a path that the user gives.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any, Final

from store.webhooks.base import Event, Headers, Sender, body_id, dig, fresh, hexed, names, number, same, word

_PLAIN: Final = ("x-webhook-signature", "x-signature", "x-hub-signature-256")
_TIME: Final = "x-webhook-timestamp"


def verify(headers: Headers, body: bytes, secret: str, now: float) -> str:
    if "webhook-signature" in headers:
        return _standard(headers, body, secret, now)
    stamp = headers.get(_TIME)
    if stamp is None:
        return hexed(headers, _PLAIN, body, secret)
    signed = number(stamp)  # then the time is signed as well: "time.body"
    if signed is None:
        return f"The header {_TIME.title()} is no time in seconds."
    wrong = hexed(headers, _PLAIN, said(headers, body), secret)
    return wrong or fresh(signed, now)


def said(headers: Headers, body: bytes) -> bytes:
    """What is signed: the body, with what stands beside it where a scheme signs that too."""
    if "webhook-signature" in headers:
        return f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.".encode() + body
    stamp = headers.get(_TIME)
    return body if stamp is None else stamp.strip().encode() + b"." + body


def _standard(headers: Headers, body: bytes, secret: str, now: float) -> str:
    stamp, name = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
    signed = number(stamp)
    if signed is None or not name:
        return "Webhook-Id and Webhook-Timestamp are needed beside Webhook-Signature."
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True) if secret.startswith("whsec_") else None
    except (binascii.Error, ValueError):
        key = None
    mac = hmac.new(key or secret.encode(), said(headers, body), hashlib.sha256)
    wanted = base64.b64encode(mac.digest()).decode()
    given = [part.partition(",") for part in headers["webhook-signature"].split()]
    if True not in [same(value, wanted) for version, _, value in given if version == "v1"]:
        return "The signature is wrong: check the secret."
    return fresh(signed, now)


def event(headers: Headers, payload: dict[str, Any], body: bytes) -> Event:
    who = next((payload[name] for name in ("sender", "actor", "user", "author") if name in payload), None)
    kinds = [word(payload.get(name)) for name in ("event", "event_type", "type")]
    told = names(dig(who, "login"), dig(who, "name"), dig(who, "username"), dig(who, "email"), dig(who, "id"), who)
    return Event(
        "generic",
        event=next(filter(None, kinds), headers.get("x-event", "")),
        action=word(payload.get("action")),
        sender=told[0] if told else "",
        authors=told,
        delivery=headers.get("webhook-id", "") or headers.get("x-delivery-id", "") or body_id(body),
        how="There is no path to the key: name one, such as data.ticket.id.",
    )


SENDER: Final = Sender(
    "generic", "Any sender", verify, event,
    "Send the body's HMAC-SHA256 in hex as X-Webhook-Signature; or sign as standardwebhooks.com says.", said,
)  # fmt: skip
