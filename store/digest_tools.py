"""Tool calls, their answers, and questions to the user: who owes what. For `store.digest` only."""

from __future__ import annotations

from typing import Final

from store import entries as en
from store.digest_parts import CALLS, Call, Digest, Part, Samples, ToolUse, Turn
from store.digest_turns import close, content, issue, remember, touch
from store.prices import Price

PENDING: Final = 1000  # open calls per agent
GATES: Final = ("permission_prompt", "AskUserQuestion", "ExitPlanMode")  # calls that a person answers
RUNNING: Final = frozenset({"", "pending", "queued", "running", "in_progress", "waiting"})
FAILED: Final = frozenset({"failed", "error"})


def called(digest: Digest, part: Part, entry: en.Called, seq: int, price: Price) -> None:
    turn = content(digest, part, entry, seq, "tool")
    known = part.calls.get(entry.id)
    early = part.orphans.pop(entry.id, None)
    if early is None and (entry.id in part.past or (known is not None and known.counted)):
        return  # told again
    call = Call(seq, entry.row, entry.ts, entry.name, entry.name.rpartition("__")[2] in GATES)
    if known is not None:
        call.gate = True
    turn.tools += 1
    use = part.tools.setdefault(entry.name, ToolUse())
    use.calls += 1
    if len(use.seqs) < CALLS:
        use.seqs.append(seq)
        use.rows.append(entry.row)
    _shape(part, turn, "tool_call", entry.shape, call)
    if early is None:
        _wait(part, entry.id, call)
        return
    call.failed = early.failed
    if call.failed:
        use.failed += 1
        _uncount(part, early.name)
    remember(part.past, entry.id, call)


def _wait(part: Part, id_: str, call: Call) -> None:
    part.calls[id_] = call
    if len(part.calls) > PENDING:
        first = next(iter(part.calls))
        remember(part.past, first, part.calls.pop(first))


def _shape(part: Part, turn: Turn | None, kind: str, shape: str, call: Call) -> None:
    """Two spellings of one key in one kind of message: whoever wrote that has two code paths."""
    if shape and part.shapes.setdefault(kind, shape) != shape:
        issue(part, turn, "mixed_id_shape", call, f"{kind}.{shape}")


def answered(digest: Digest, part: Part, entry: en.Answered, seq: int, price: Price) -> None:
    call = part.calls.get(entry.id)
    if entry.status in RUNNING:
        if part.turn is not None:
            touch(part.turn, entry)
        return
    for agent in digest.helpers.get(entry.id, ()) if entry.status != "background" else ():
        helper = digest.parts[agent]
        if helper.turn is not None and helper is not part:
            # Who called it has its answer. What went wrong is told there, once.
            close(digest, helper, helper.turn, seq, "failed" if entry.status in FAILED else "success")
            helper.past = {}
    known = call or part.past.get(entry.id)
    here = Call(seq, entry.row, entry.ts, entry.name)
    turn = part.turn if entry.update or known is not None else content(digest, part, entry, seq, "tool")
    _shape(part, turn, "tool_call_update" if entry.update else "tool_result", entry.shape, here)
    if turn is not None:
        turn.tail = "tool"
        turn.worked = True
        touch(turn, entry)
    if known is None:
        if entry.update:
            return
        if not entry.known and len(part.orphans) < PENDING:
            part.orphans[entry.id] = here  # its call may stand behind it
        known = here
    if call is not None:
        del part.calls[entry.id]
    remember(part.past, entry.id, known)
    if entry.status in FAILED and not known.failed:
        known.failed = True
        if (early := part.orphans.get(entry.id)) is not None:
            early.failed = True  # the same call; two objects once the digest has been kept and loaded
        _tool_failed(digest, part, turn or part.last, known)


def _tool_failed(digest: Digest, part: Part, turn: Turn | None, call: Call) -> None:
    part.errors.setdefault("tool_error", Samples()).add(call.seq, call.row, call.ts, call.name or "tool")
    part.tools.setdefault(call.name, ToolUse()).failed += 1
    if turn is not None:
        turn.errors += 1
        turn.tools_failed += 1
        if not turn.open:
            digest.turns[part.agent, turn.idx] = turn


def _uncount(part: Part, name: str) -> None:
    """A failure was counted before it was known whose."""
    use = part.tools[name]
    use.failed -= 1
    if not use.failed and not use.calls:
        del part.tools[name]


def asked(digest: Digest, part: Part, entry: en.Asked, seq: int, price: Price) -> None:
    content(digest, part, entry, seq, "tool")
    call = part.calls.get(entry.id)
    if call is not None:
        call.gate = True
    elif entry.id not in part.past:
        _wait(part, entry.id, Call(seq, entry.row, entry.ts, entry.name, gate=True, counted=False))


def settled(digest: Digest, part: Part, entry: en.Settled, seq: int, price: Price) -> None:
    call = part.calls.get(entry.id)
    if call is not None:
        call.gate = call.name.rpartition("__")[2] in GATES
        if not call.counted:
            remember(part.past, entry.id, part.calls.pop(entry.id))


def taken(digest: Digest, part: Part, entry: en.Taken, seq: int, price: Price) -> None:
    """A message broke off and is said again: calls that it made are not calls."""
    for other in digest.parts.values():
        for id_ in [id_ for id_, call in other.calls.items() if call.row >= entry.row]:
            call = other.calls.pop(id_)
            if call.counted:
                use = other.tools[call.name]
                use.calls -= 1
                if use.seqs and use.seqs[-1] == call.seq:
                    del use.seqs[-1], use.rows[-1]
                if not use.calls:
                    del other.tools[call.name]
                if other.turn is not None:
                    other.turn.tools -= 1
        if other.turn is not None:
            other.turn.end_row = min(other.turn.end_row, entry.row - 1)
