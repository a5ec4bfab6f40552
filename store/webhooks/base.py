"""The contract of a sender of webhooks: one file per sender in this package, found by folder. No clock, no network.

A sender says whether a body is really its own, what an event is called, who caused it and which thread it belongs to.
Header names are lower case here. A signature is compared in constant time over the body as it came.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

Headers = Mapping[str, str]

BODY: Final = "body:"  # what the id of a delivery begins with that has none of its own
WINDOW_S: Final = 300  # how old what was signed may be, where a sender signs the time


class Event(Struct, frozen=True):
    """One delivery, normalised. '' is unknown.

    `key`: its thread, such as `github:owner/repo:pr:12`; `how` says where that was found, or why there is none.
    `authors`: every name and id of whoever caused it. `delivery`: the same for repeats of one delivery. `unusable`: why
    the thread that it is of cannot be named.
    """

    source: str
    event: str = ""
    action: str = ""
    sender: str = ""
    authors: tuple[str, ...] = ()
    delivery: str = ""
    key: str = ""
    how: str = ""
    repo: str = ""
    branch: str = ""
    unusable: str = ""


def _body(headers: Headers, body: bytes) -> bytes:
    return body


class Sender(Struct, frozen=True):
    """One sender. `verify` gives '' or one sentence; `secret` is never empty there, `now` is in seconds.

    `signed`: what its signature stands for, so that what was signed once is known again under any other header.
    """

    name: str
    title: str
    verify: Callable[[Headers, bytes, str, float], str]
    event: Callable[[Headers, dict[str, Any], bytes], Event]
    hint: str = ""  # where the user gives the sender our address and the secret
    signed: Callable[[Headers, bytes], bytes] = _body


def digest(secret: str, body: bytes) -> str:
    """HMAC-SHA256 in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def same(given: str, wanted: str) -> bool:
    """Whether two signatures are equal, in constant time; any text may be given."""
    return hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), wanted.encode())


def hexed(headers: Headers, names: tuple[str, ...], body: bytes, secret: str) -> str:
    """The plain scheme: a header has the HMAC of the body in hex, with or without `sha256=` before it."""
    for name in names:
        given = headers.get(name)
        if given is not None:
            given = given.strip().removeprefix("sha256=")
            return "" if same(given, digest(secret, body)) else "The signature is wrong: check the secret."
    return f"There is no signature: {' or '.join(shown(name) for name in names)} is needed."


def shown(header: str) -> str:
    """A header's name as people write it."""
    return header.title().replace("Github", "GitHub")


def fresh(at: float, now: float, window: float = WINDOW_S) -> str:
    """'' when what was signed at that time may still be taken, else one sentence."""
    if abs(now - at) <= window:
        return ""
    return (
        f"It was signed {abs(now - at):,.0f} s {'ago' if now > at else 'ahead of now'}: at most {window:g} s are taken."
    )


def number(value: object) -> float | None:
    """A time as a sender writes it, as a number; None when it is none."""
    try:
        found = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
    except ValueError:
        return None
    return found if found is not None and abs(found) < 1e15 else None


def dig(value: object, *path: str) -> Any:
    """What lies below these names; None when there is nothing."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def word(value: object) -> str:
    """A name or a number as text; '' for everything else."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else ""


def names(*found: object) -> tuple[str, ...]:
    """The texts among these, each once."""
    return tuple(dict.fromkeys(text for text in map(word, found) if text))


def body_id(body: bytes) -> str:
    """For senders that number nothing: the same bytes again are the same delivery."""
    return BODY + hashlib.sha256(body).hexdigest()
