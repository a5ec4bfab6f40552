"""A digest and its turns on the wire: the names that other programs read, and the figures of a session over its agents.

Everything counts over all agents, but for turns, the time they take and the outcome: a helper works in a turn of its
caller, and would count the same time twice. Rows are counted from 0, as `playhead show` does; seqs from 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from store.digest import Digest, Part, Turn, step
from store.digest_parts import INCOMPLETE, Money, Samples, Sum, merge_sums
from store.entries import Sealed
from store.facts import Facts
from store.fold import State
from store.latency import BOUNDS, BUCKETS, percentile
from store.ledger import Ledger
from store.prices import Price, price
from store.report import iso
from store.requests import Requests
from store.whole import events_of, live_state

SEVERITY: Final = {"missing_tool_result": "error", "mixed_id_shape": "info"}  # the others are warnings
_WORST: Final = ("error", "warning", "info")


class Session:
    """A session's files, folded. Raises StoreError."""

    def __init__(self, path: Path, requests: Requests | None = None, list_price: Price = price) -> None:
        whole = events_of(path)
        state, ledger, facts = State(), Ledger(requests), Facts()
        self.digest = Digest()
        for batch in whole:
            ledger.fold(state, batch)
            facts.add(batch)
            for entry in ledger.take():
                step(self.digest, entry, list_price)
        if live_state(path, whole.format) == "ended":
            step(self.digest, Sealed(), list_price)
        self.id = facts.id or path.stem
        self.agents = [part.agent for part in sorted(self.digest.parts.values(), key=lambda part: part.first)]
        self.turns = sorted(
            [*self.digest.turns.values(), *(part.turn for part in self.digest.parts.values() if part.turn is not None)],
            key=lambda turn: turn.start_seq,
        )


def session_wire(session: str, digest: Digest, agents: Iterable[str] | None = None) -> dict[str, Any]:
    """The figures of a session over its agents: over all that are in the digest, or those that are told."""
    parts = sorted(digest.parts.values(), key=lambda part: part.first)
    if agents is not None:
        parts = [digest.parts[agent] for agent in agents if agent in digest.parts]
    names = [part.agent or "main" for part in parts]
    return {"session_id": session, "agent_ids": names, **_figures(digest, parts)}


def agent_wire(agent: str, digest: Digest) -> dict[str, Any] | None:
    """The figures of one agent; None when the session has no such."""
    part = digest.parts.get("" if agent == "main" else agent)
    return None if part is None else {"agent_id": agent, **_figures(digest, [part])}


def turn_wire(turn: Turn) -> dict[str, Any]:
    """One turn. What is open is a running estimate."""
    is_open = turn.open
    return {
        "agent": turn.agent or "main",
        "idx": turn.idx,
        "turn_id": turn.id,
        "synthetic": turn.synthetic,
        "open": is_open,
        "start_seq": turn.start_seq,
        "start_ordinal": turn.start_row,
        "start_ts": iso(turn.start_ts),
        "end_seq": turn.end_seq,
        "end_ordinal": turn.end_row,
        "end_ts": None if is_open else iso(turn.end_ts),
        "duration_ms": None if is_open else _ms(turn.duration),
        "status": None if is_open else turn.status,
        "stop_reason": turn.reason or None,
        "cost_usd": usd(turn.money),
        "in_tokens": turn.used.input,
        "out_tokens": turn.used.output,
        "cache_read_tokens": turn.used.cache_read,
        "cache_create_tokens": turn.used.cache_write,
        "tool_count": turn.tools,
        "tool_failed": turn.tools_failed,
        "error_count": turn.errors,
        "issue_count": turn.issues,
    }


def _figures(digest: Digest, parts: list[Part]) -> dict[str, Any]:
    callers = [part for part in parts if not part.agent] or parts
    firsts = [part.first_ts for part in parts if part.first_ts is not None]
    lasts = [part.last_ts for part in parts if part.last_ts is not None]
    llms: dict[str, Sum] = {}
    running: dict[str, Sum] = {}
    money, running_money = Money(), Money()
    for part in parts:
        merge_sums(llms, part.llms)
        money.merge(part.money)
        if part.turn is not None:
            merge_sums(running, part.turn.llms)
            running_money.merge(part.turn.money)
    merge_sums(llms, running)
    money.merge(running_money)
    errors = _samples(part.errors for part in parts)
    issues = _samples(part.issues for part in parts)
    for name, found in issues.items():
        found["severity"] = SEVERITY.get(name, "warning")
    tools = _tools(parts)
    counts = [sum(part.latency[index] for part in callers) for index in range(BUCKETS)]
    return {
        "team_id": None,
        "watermark_seq": digest.watermark,
        "event_count": sum(part.events for part in parts),
        "turn_count": sum(part.closed for part in callers),
        "first_ts": iso(min(firsts, default=None)),
        "last_ts": iso(max(lasts, default=None)),
        "duration_ms": _ms(max(lasts) - min(firsts)) if firsts else None,
        "active_ms": _ms(sum(part.active for part in callers)),
        "cost_usd": usd(money),
        "unpriced_requests": money.unpriced,
        "cache_share": _share(llms),
        "context": _context(callers),
        "model_changes": _switches(callers),
        "by_model": _models(llms),
        "running": {"by_model": _models(running), "cost_usd": usd(running_money)} if running else None,
        "error_count": sum(found["count"] for found in errors.values()),
        "errors": errors,
        "issue_count": sum(found["count"] for found in issues.values()),
        "issues": issues,
        "issue_worst_severity": min((found["severity"] for found in issues.values()), key=_WORST.index, default=None),
        "tool_total": sum(tool["calls"] for tool in tools.values()),
        "tool_failed": sum(tool["failed"] for tool in tools.values()),
        "tools": tools,
        "latency": {
            "p50_ms": percentile(counts, 0.5),
            "p95_ms": percentile(counts, 0.95),
            "samples": sum(counts),
            "bounds": list(BOUNDS),
            "counts": counts,
        },
        "outcome": _outcome(digest, callers),
        "sealed": digest.sealed,
    }


def _share(llms: dict[str, Sum]) -> float | None:
    """How much of what the models were given came out of the cache, 0..1; None: they were given nothing."""
    read = sum(total.cache_read for total in llms.values())
    given = read + sum(total.input + total.cache_write for total in llms.values())
    return round(read / given, 4) if given else None


def _context(callers: list[Part]) -> dict[str, int | None]:
    """Tokens that the last request was given, and the largest one; `playhead requests` tells each."""
    last = callers[-1].context if callers else 0
    return {"last": last or None, "most": max((part.context_most for part in callers), default=0) or None}


def _switches(callers: list[Part]) -> dict[str, Any]:
    """Where the model changed, of the agent that was asked."""
    found = _samples({"": part.switches} for part in callers)[""] if callers else _samples([{"": Samples()}])[""]
    del found["sample_ordinals"]  # a request has no row of its own
    return found


def _outcome(digest: Digest, callers: list[Part]) -> str | None:
    last = callers[-1] if callers else None
    if last is None or last.turn is not None:
        return "terminated" if digest.sealed else None
    if last.last is None:
        return "terminated" if digest.sealed else None
    return "terminated" if last.last.status == INCOMPLETE else last.last.status


def _models(llms: dict[str, Sum]) -> dict[str, dict[str, Any]]:
    return {
        llm or "unknown": {
            "in": total.input,
            "out": total.output,
            "cache_read": total.cache_read,
            "cache_create": total.cache_write,
            "cost_usd": usd(total.money),
        }
        for llm, total in sorted(llms.items())
    }


def _tools(parts: list[Part]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({name for part in parts for name in part.tools}):
        uses = [part.tools[name] for part in parts if name in part.tools]
        places = sorted(place for use in uses for place in zip(use.seqs, use.rows, strict=True))[:25]
        found[name or "unknown"] = {
            "calls": sum(use.calls for use in uses),
            "failed": sum(use.failed for use in uses),
            "sample_seqs": [seq for seq, _ in places],
            "sample_ordinals": [row for _, row in places],
        }
    return found


def _samples(of_parts: Iterable[dict[str, Samples]]) -> dict[str, dict[str, Any]]:
    """The samples of all agents, as they came."""
    classes = list(of_parts)
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({name for kinds in classes for name in kinds}):
        all_of = [kinds[name] for kinds in classes if name in kinds]
        places = [place for s in all_of for place in zip(s.seqs, s.rows, s.ts, s.labels, strict=True)]
        if len(all_of) > 1:
            places = sorted(places, key=lambda place: place[0])[:200]
        found[name] = {
            "count": sum(samples.count for samples in all_of),
            "sample_seqs": [place[0] for place in places],
            "sample_ordinals": [place[1] for place in places],
            "sample_ts": [iso(place[2]) for place in places],
            "sample_labels": [place[3] for place in places],
        }
    return found


def _ms(micros: int | None) -> int | None:
    return None if micros is None else round(micros / 1000)


def usd(money: Money) -> float | None:
    """Dollars, or None: nobody knows."""
    known = money.known
    return None if known is None else known / 1_000_000
