"""Turns, and what is said in them: the part of the fold that opens and closes them. For `store.digest` only."""

from __future__ import annotations

from typing import Final

from store import entries as en
from store.digest_money import amend, book, charge
from store.digest_parts import CLOSED, INCOMPLETE, Call, Digest, Part, Samples, Turn
from store.entries import Entry
from store.latency import bucket
from store.prices import Price

PAST: Final = 256  # calls per agent that were answered and that late news may still reach
NORMAL: Final = frozenset({"", "success", "end_turn", "stop_sequence", "completed", "cancelled"})


def _open(digest: Digest, part: Part, entry: Entry, seq: int, id: str, synthetic: bool) -> Turn:
    turn = Turn(part.agent, part.opened, id or f"syn-{seq}", synthetic, seq, entry.row, entry.ts)
    part.opened += 1
    part.turn = turn
    return turn


def content(digest: Digest, part: Part, entry: Entry, seq: int, what: str) -> Turn:
    """The open turn, or one that this content opens."""
    turn = part.turn or _open(digest, part, entry, seq, "", True)
    turn.tail = what
    turn.worked = turn.worked or what != "input"
    return touch(turn, entry)


def touch(turn: Turn, entry: Entry) -> Turn:
    turn.end_row = max(turn.end_row, entry.row)
    if entry.ts is not None and (turn.end_ts is None or entry.ts > turn.end_ts):
        turn.end_ts = entry.ts
    return turn


def close(digest: Digest, part: Part, turn: Turn, seq: int, status: str, reason: str = "") -> None:
    """A turn is over: what is owed is owed for good, and its figures count."""
    for id_, call in part.calls.items():
        issue(part, turn, "unanswered_permission" if call.gate else "missing_tool_result", call, call.name)
        remember(part.past, id_, call)
    for orphan in part.orphans.values():
        issue(part, turn, "orphan_tool_result", orphan, orphan.name)
    part.calls, part.orphans = {}, {}
    turn.end_seq, turn.status, turn.reason = seq, status, reason
    if turn.start_ts is not None and turn.end_ts is not None:
        turn.duration = max(0, turn.end_ts - turn.start_ts)
    part.turn, part.last = None, turn
    part.closed += 1
    if turn.duration is not None:
        part.active += turn.duration
        if turn.worked and status != INCOMPLETE:
            part.latency[bucket(turn.duration)] += 1
    book(part, turn)
    digest.turns[part.agent, turn.idx] = turn


def started(digest: Digest, part: Part, entry: en.Started, seq: int, price: Price) -> None:
    turn = part.turn
    if turn is not None:
        if entry.joins:
            content(digest, part, entry, seq, "input")
            return
        if turn.synthetic and (not entry.prompt or not turn.worked):
            # What came before the word of it is the turn's own, most of all its prompt.
            turn.id, turn.synthetic = entry.turn or turn.id, False
            touch(turn, entry)
            return
        if entry.turn and entry.turn == turn.id:
            return
        close(digest, part, turn, seq - 1, _silent_end(part, turn))
    touch(_open(digest, part, entry, seq, entry.turn, False), entry)


def _silent_end(part: Part, turn: Turn) -> str:
    """Many programs write no end: an answer to which nothing is owed is one."""
    return "success" if turn.tail == "text" and not part.calls else CLOSED


def ended(digest: Digest, part: Part, entry: en.Ended, seq: int, price: Price) -> None:
    failed = entry.status is not None and entry.status != "success"
    turn = part.turn
    if turn is None:
        last = part.last
        if not failed or (last is not None and last.status not in ("success", CLOSED)):
            amend(digest, part, entry, price)  # a second word about the same end
            return
        turn = _open(digest, part, entry, seq, "", True)
    touch(turn, entry)
    charge(part, turn, entry, price)
    if failed:
        turn.errors += 1
        samples = part.errors.setdefault("failed_turn", Samples())
        samples.add(turn.start_seq, turn.start_row, turn.start_ts, entry.status or "")
    elif entry.reason not in NORMAL:
        issue(part, turn, "abnormal_stop", turn, entry.reason)
    status = entry.status or ("cancelled" if entry.reason == "cancelled" else "success")
    close(digest, part, turn, seq, status, entry.reason)
    if turn.duration is None and entry.duration is not None:  # a wire without times
        turn.duration = entry.duration
        part.active += entry.duration
        if turn.worked:
            part.latency[bucket(entry.duration)] += 1


def seal(digest: Digest, seq: int) -> None:
    digest.sealed = True
    for part in digest.parts.values():
        turn = part.turn
        if turn is None:
            continue
        status = _silent_end(part, turn)
        if status == CLOSED:
            status = INCOMPLETE
            issue(part, turn, "incomplete_turn", turn, "")
        close(digest, part, turn, seq, status)


# ---- content


def said(digest: Digest, part: Part, entry: en.Said, seq: int, price: Price) -> None:
    content(digest, part, entry, seq, entry.what)


def shown(digest: Digest, part: Part, entry: Entry, seq: int, price: Price) -> None:
    if part.turn is not None:
        part.turn.end_row = max(part.turn.end_row, entry.row)


def joined(digest: Digest, part: Part, entry: en.Joined, seq: int, price: Price) -> None:
    part.parent = entry.parent
    if entry.parent:
        digest.helpers.setdefault(entry.parent, []).append(part.agent)


def failed(digest: Digest, part: Part, entry: en.Failed, seq: int, price: Price) -> None:
    turn = content(digest, part, entry, seq, "error")
    turn.errors += 1
    name = f"error:{entry.kind}" if entry.kind else "error"
    part.errors.setdefault(name, Samples()).add(seq, entry.row, entry.ts, entry.kind or "error")


def issue(part: Part, turn: Turn | None, name: str, at: Call | Turn, label: str) -> None:
    place = (at.start_seq, at.start_row, at.start_ts) if isinstance(at, Turn) else (at.seq, at.row, at.ts)
    part.issues.setdefault(name, Samples()).add(*place, label)
    if turn is not None:
        turn.issues += 1


def remember(past: dict[str, Call], id_: str, call: Call) -> None:
    past.pop(id_, None)
    past[id_] = call
    if len(past) > PAST:
        del past[next(iter(past))]
