"""The figures of a session, folded from its entries: `step` takes one and is the only way, live and over the whole.

Per (session, agent): nothing of another session or agent is in it. Only content opens a turn. Errors and issues point
at rows. Pure but for the price list that the caller brings; `Digest` is changed in place. `store.digest_report` says it
on the wire, and in which terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from store import digest_money, digest_tools, digest_turns
from store import entries as en
from store.digest_parts import Digest, Part, Turn, version
from store.entries import Entry
from store.prices import Price

__all__ = ["Digest", "Part", "Turn", "dump", "fold", "load", "step", "version"]


def step(digest: Digest, entry: Entry, price: Price) -> None:
    """Take one entry. The same entries make the same digest, whenever they come and whatever is saved in between."""
    digest.watermark = seq = digest.watermark + 1
    kind = type(entry)
    if kind is en.Sealed:
        digest_turns.seal(digest, seq)
        return
    digest.sealed = False  # what was taken up again is open again
    part = digest.parts.get(entry.agent)
    if part is None:
        part = digest.parts[entry.agent] = Part(entry.agent, first=seq)
    part.events += kind is not en.Joined
    ts = entry.ts
    if ts is not None:
        if part.first_ts is None or ts < part.first_ts:
            part.first_ts = ts
        if part.last_ts is None or ts > part.last_ts:
            part.last_ts = ts
    STEPS[kind](digest, part, entry, seq, price)


def fold(digest: Digest, entries: Iterable[Entry], price: Price) -> Digest:
    """Take some entries."""
    for entry in entries:
        step(digest, entry, price)
    return digest


STEPS: Final[dict[type[Any], Callable[[Digest, Part, Any, int, Price], None]]] = {
    en.Joined: digest_turns.joined,
    en.Started: digest_turns.started,
    en.Said: digest_turns.said,
    en.Called: digest_tools.called,
    en.Answered: digest_tools.answered,
    en.Asked: digest_tools.asked,
    en.Settled: digest_tools.settled,
    en.Failed: digest_turns.failed,
    en.Used: digest_money.used,
    en.Ended: digest_turns.ended,
    en.Shown: digest_turns.shown,
    en.Taken: digest_tools.taken,
}

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Digest)


def dump(digest: Digest) -> bytes:
    """The digest as bytes for the database, without the turns that changed: whoever keeps those has taken them."""
    return _encoder.encode(msgspec.structs.replace(digest, turns={}))


def load(data: bytes) -> Digest:
    """What `dump` was given. Raises ValueError for another version's bytes: then it is folded anew."""
    try:
        digest = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    if digest.version != version():
        raise ValueError(f"digest of version {digest.version}")
    return digest
