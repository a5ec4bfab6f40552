"""What the dock says, line by line: turns, and the figures of the session below headings. Pure; for the pane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from store.insight_talk import Told, Trouble, Turn, Use
from viewer import wording
from viewer.rows.sheet import span_text
from viewer.wording import UNKNOWN, money

EXACT: Final = 200  # turns whose times are known one by one; of more, counts in buckets tell enough
FEW: Final = 20  # turns of which no 95 % can be told: the longest is
COMING: Final = "…"  # in its place while it is being looked up
WRONG: Final = frozenset({"error", "failed", "incomplete"})  # ends of turns that are nobody's wish
LABELS: Final[Mapping[str, str]] = {"api_error": "API error", "error": "Error"}
TURNS: Final = frozenset({"failed_turn", "abnormal_stop", "incomplete_turn"})  # what is said of a turn as a whole
NAMES: Final[Mapping[str, str]] = {
    "tool_error": "Failed tool calls",
    "failed_turn": "Failed turns",
    "error": "Errors",
    "error:api_error": "API errors",
    "missing_tool_result": "Calls without a result",
    "orphan_tool_result": "Results without a call",
    "unanswered_permission": "Unanswered questions",
    "abnormal_stop": "Unusual stops",
    "incomplete_turn": "Turns cut off",
    "mixed_id_shape": "Mixed spellings of ids",
}


class Line(Struct, frozen=True):
    """One line. `item` is the row that it leads to; '' leads nowhere."""

    kind: str  # turn, head, fact, part, spot
    text: str
    value: str = ""  # at the right
    bad: str = ""  # what went wrong, before the value
    under: str = ""  # a turn's second line
    item: str = ""
    number: int = 0  # of a turn
    tip: str = ""
    faint: bool = False  # the text stands for one that is not there
    running: bool = False


def turn_line(turn: Turn) -> Line:
    """A turn: its first words, and below them what it took."""
    running = not turn.status
    parts = ["running"] if running else []
    if turn.status in WRONG or turn.status == "cancelled":
        parts.append("cut off" if turn.status == "incomplete" else turn.status)
    if turn.tools:
        parts.append(wording.many(turn.tools, "tool"))
    if took := span_text(turn.duration):
        parts.append(took)
    if turn.cost is not None:
        parts.append(money(turn.cost, partial=turn.partial))
    if turn.tokens:
        parts.append(f"{wording.tokens(turn.tokens)} out")
    if not parts and turn.ts is not None:  # nothing was measured: when it was is better than an empty line
        parts.append(f"at {wording.local(turn.ts):%H:%M}")
    wrong = turn.errors or turn.failed
    tip = [turn.words or "No prompt of the user's", f"Began {wording.full(turn.ts)}" if turn.ts is not None else ""]
    if turn.given or turn.cached or turn.stored:
        tip.append(f"Input {turn.given:,}, read from the cache {turn.cached:,}, written to it {turn.stored:,} tokens")
    if turn.failed:
        tip.append(f"{wording.many(turn.failed, 'tool call')} failed")
    if turn.issues:
        tip.append(wording.many(turn.issues, "issue"))
    return Line(
        "turn", turn.words or "No prompt", bad=f"{wrong:,}" if wrong else "", under=" · ".join(parts) or UNKNOWN,
        item=turn.item, number=turn.number, tip="\n".join(filter(None, tip)), faint=not turn.words, running=running,
    )  # fmt: skip


def figure_lines(told: Told, turns: Sequence[Turn]) -> list[Line]:
    """The figures of a session below their headings."""
    numbers = {turn.item: turn.number for turn in turns if turn.item} if told.troubles else {}
    figures, troubles = told.figures, _troubles(told.troubles, numbers)
    lines = [*_whole(figures, turns), *troubles, *_llms(figures), *_tools(told), *_times(figures, turns)]
    if told.priced:
        return lines
    return [msgspec.structs.replace(line, value=COMING) if line.value == UNKNOWN else line for line in lines]


def summary(told: Told, turns: Sequence[Turn]) -> str:
    """One line over all: '12 turns · 8 m 14 s · $1.28'."""
    figures = told.figures
    parts = [wording.many(len(turns), "turn")]
    if took := span_text(_us(figures.get("active_ms"))):
        parts.append(took)
    parts.append(_cost(figures) if told.priced else COMING)
    return " · ".join(parts)


def _cost(figures: Mapping[str, Any]) -> str:
    usd = figures.get("cost_usd")
    return money(None if usd is None else round(usd * 1_000_000), partial=bool(figures.get("unpriced_requests")))


def _by_list(figures: Mapping[str, Any]) -> str:
    """What the models of a session cost together, where that is not what the session did; '' when it is, or unknown.

    An agent that tells its cost (Claude Code at the end of a run) knows of requests that no record shows.
    """
    costs = [used["cost_usd"] for used in (figures.get("by_model") or {}).values()]
    if figures.get("cost_usd") is None or not costs or None in costs:
        return ""
    whole, summed = round(figures["cost_usd"] * 1_000_000), round(sum(costs) * 1_000_000)
    same = abs(whole - summed) <= len(costs) or money(whole) == money(summed)
    return "" if same else money(summed, partial=bool(figures.get("unpriced_requests")))


def _helpers(figures: Mapping[str, Any], turns: Sequence[Turn]) -> Iterator[Line]:
    """The session counts its subagents, a turn does not: without a word the two would not add up."""
    helpers = len(figures.get("agent_ids") or ()) - 1
    if helpers < 1:
        return
    own = [turn.cost for turn in turns]
    value, usd = "", figures.get("cost_usd")
    if usd is not None and None not in own:
        rest = round(usd * 1_000_000) - sum(cost or 0 for cost in own)
        value = money(rest) if rest > 0 and money(rest) != money(0) else ""
    tip = "Figures of the session count what subagents did; those of a turn are the main agent's alone"
    yield Line(
        "part", f"With {wording.many(helpers, 'subagent')}", f"{value} beside the turns" if value else "", tip=tip
    )


def _whole(figures: Mapping[str, Any], turns: Sequence[Turn]) -> Iterator[Line]:
    yield Line("head", "Session")
    active, elapsed = _us(figures.get("active_ms")), _us(figures.get("duration_ms"))
    yield Line("fact", "Time in turns", span_text(active) or UNKNOWN, tip="The sum of the turns that are over")
    yield Line("fact", "From first to last", span_text(elapsed) or UNKNOWN, tip="Between the first and last record")
    tip = "What the agent tells, else by list price at the time of each request"
    prices: Mapping[str, Any] = figures.get("prices") or {}
    if prices:
        tip += (
            f" ({prices['source']}, of {prices['date'] or 'an unknown day'}{', and your own' if prices['own'] else ''})"
        )
    if figures.get("unpriced_requests"):
        tip = f"{wording.many(figures['unpriced_requests'], 'request')} of a model whose price is not known"
    yield Line("fact", "Cost", _cost(figures), tip=tip)
    if other := _by_list(figures):
        tip = "The agent's own figure counts. What the models below would cost by list price is not the same."
        yield Line("part", "As the agent tells", f"{other} by list price", tip=tip)
    yield from _helpers(figures, turns)
    context: Mapping[str, Any] = figures.get("context") or {}
    if context.get("most"):
        most = f"{context['most']:,} tokens at most"
        yield Line("fact", "Context", f"{context['last']:,} tokens", tip=f"What the last request was given; {most}")
    changes: Mapping[str, Any] = figures.get("model_changes") or {}
    if changes.get("count"):
        labels = "\n".join(changes["sample_labels"][:10])
        yield Line("fact", "Model changes", f"{changes['count']:,}", tip=labels)
    if figures.get("outcome"):
        yield Line("fact", "Ended", str(figures["outcome"]))


def _llms(figures: Mapping[str, Any]) -> Iterator[Line]:
    llms: Mapping[str, Any] = figures.get("by_model") or {}
    if not llms:
        return
    yield Line("head", "Tokens", "by list price" if _by_list(figures) else "")
    for llm, used in llms.items():
        usd = used["cost_usd"]
        yield Line("fact", llm, money(None if usd is None else round(usd * 1_000_000)))
        given = used["in"] + used["cache_read"] + used["cache_create"]
        tip = (
            f"Input {used['in']:,}, read from the cache {used['cache_read']:,}, written to it "
            f"{used['cache_create']:,}, output {used['out']:,} tokens"
        )
        text = f"{wording.tokens(given)} in · {wording.tokens(used['out'])} out"
        share = f"{100 * used['cache_read'] // given} % cached" if given else ""
        yield Line("part", text, share, tip=tip)


def _tools(told: Told) -> Iterator[Line]:
    if not told.tools:
        return
    figures = told.figures
    failed = figures.get("tool_failed") or 0
    yield Line("head", "Tool calls", f"{figures.get('tool_total') or 0:,}", bad=f"{failed:,}" if failed else "")
    for use in sorted(told.tools, key=lambda use: (-use.calls, use.name)):
        yield _tool(use)


def _tool(use: Use) -> Line:
    tip = f"{wording.many(use.calls, 'call')}, {use.failed:,} failed. Go to the first of them."
    bad = f"{use.failed:,}" if use.failed else ""
    return Line("fact", use.name, f"{use.calls:,}", bad=bad, item=use.first.item if use.first else "", tip=tip)


def _troubles(troubles: Sequence[Trouble], numbers: Mapping[str, int]) -> Iterator[Line]:
    """`numbers` of the turns, by the row that each starts with: a turn that went wrong is called by its own."""
    for trouble in troubles:
        bad = f"{trouble.count:,}" if trouble.severity == "error" else ""
        yield Line("head", name_of(trouble.name), "" if bad else f"{trouble.count:,}", bad=bad)
        for spot in trouble.spots:
            where = f"row {spot.row + 1:,}" if spot.row >= 0 else ""
            text = LABELS.get(spot.label) or spot.label.replace("_", " ") or name_of(trouble.name)
            if trouble.name in TURNS and spot.item in numbers:
                text = f"Turn {numbers[spot.item]:,}"
            yield Line("spot", text, where, item=spot.item, tip=f"{text}. Go to {where}." if spot.item else text)
        more = trouble.count - len(trouble.spots)
        if more > 0:
            yield Line("part", f"{more:,} more", tip="All of them: playhead digest")


def name_of(name: str) -> str:
    """A class of errors or issues in words."""
    known = NAMES.get(name)
    return known or name.removeprefix("error:").replace("_", " ").capitalize()


def _times(figures: Mapping[str, Any], turns: Sequence[Turn]) -> Iterator[Line]:
    """Of one turn there is nothing to say that is not above; of a few, their own times; of many, the counts."""
    latency: Mapping[str, Any] = figures.get("latency") or {}
    samples = latency.get("samples") or 0
    if samples < 2:
        return
    count = wording.many(samples, "turn")
    if times := _durations(turns, samples):
        tip = "Of the turns that came to their end"
        yield Line("head", "Time of a turn", count, tip=tip)
        middle = (times[(samples - 1) // 2] + times[samples // 2]) // 2
        yield Line("fact", "Median", span_text(middle), tip=tip)
        if samples < FEW:
            yield Line("fact", "Longest", span_text(times[-1]), tip=tip)
        else:
            yield Line("fact", "95 % of them within", span_text(times[-(-samples * 19 // 20) - 1]), tip=tip)
    elif samples >= FEW:
        tip = "Out of counts in twelve buckets, linear inside a bucket"
        yield Line("head", "Time of a turn", count, tip=tip)
        for name, key in (("Median", "p50_ms"), ("95 % of them within", "p95_ms")):
            yield Line("fact", name, span_text(_us(latency.get(key))) or UNKNOWN, tip=tip)


def _durations(turns: Sequence[Turn], samples: int) -> list[int]:
    """How long each of the turns took that the counts are of, shortest first; empty when that cannot be told."""
    if not 0 < samples <= EXACT or len(turns) > 2 * EXACT:
        return []
    over = [turn for turn in turns if turn.status not in ("", "incomplete")]
    for some in (over, [turn for turn in over if turn.tokens or turn.tools]):
        times = sorted(turn.duration for turn in some if turn.duration is not None)
        if len(times) == samples:
            return times
    return []


def _us(ms: float | None) -> int | None:
    return None if ms is None else round(ms * 1000)
