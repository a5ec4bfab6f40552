"""The coalesced flush: table G.1 of the systems, and 'coalesced = one at a time = any split' over random sequences."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest

from store import events as ev
from store.delta import Delta
from store.events import At, Event
from store.fold import State, fold, fold_run
from store.hub import Hub
from store.items import Item, Tool
from store.session import Session
from store.told import Completed, Drain, Question, Queued

S = 1_000_000


def at(second: float = 0.0) -> At:
    return At(ts=int(second * S))


def chunk(name: str) -> Event:
    return ev.TextDelta(at(), "m1", name)


def make(letter: str) -> Event:
    kind, digits = letter[0], letter[1:]
    match kind:
        case "a" | "b" | "c":
            return chunk(letter)
        case "T":
            return ev.ToolStarted(at(), "call", "Bash", "tool.shell", "ls")
        case "U":
            return ev.ToolUpdated(at(), "call", output="x", append=True)
        case "P":
            return ev.PromptSent(at(1), int(digits), f"p{digits}", f"prompt {digits}")
        case "S":
            return ev.PromptSent(at(1), int(digits), f"p{digits}", "steer", steer=True)
        case "R":
            return ev.Answered(at(6), int(digits), "end_turn")
        case "C":
            return ev.Answered(at(6), int(digits), "cancelled")
        case "Q":
            return ev.Asked(at(), 99, "call", "Run ls?")
    raise AssertionError(letter)


class Log:
    """Store operations in order, as G.1 writes them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.passes = 0
        self.effects: list[Event] = []

    def __call__(self, operation: str, events: Sequence[Event]) -> None:
        match operation:
            case "append" | "replace":
                assert events, "no empty appends"
                self.lines.append(f"{operation}[{','.join(map(self.name, events))}]")
            case "prompt pass":
                self.passes += 1
            case "effects":
                self.effects += events

    @staticmethod
    def name(event: Event) -> str:
        match event:
            case ev.TextDelta(text=text):
                return text
            case ev.ToolStarted():
                return "T"
            case ev.ToolUpdated():
                return "U"
            case ev.PromptSent(rpc=rpc, steer=steer):
                return f"{'S' if steer else 'P'}{rpc}"
            case ev.Answered(rpc=rpc):
                return f"R{rpc}"
            case ev.Asked():
                return "Q"
        return type(event).__name__


def session_with(running: int | None = None, queue: Sequence[Queued] = ()) -> tuple[Session, Log]:
    log = Log()
    session = Session("s", trace=log)
    session.connected = True
    if running is not None:
        session.feed([ev.PromptSent(at(1), running, f"p{running}", "go")])
        session.take()
    for queued in queue:
        session.put_prompt(queued)
    log.__init__()  # type: ignore[misc]
    return session, log


G1 = [
    # row, running, arrivals, operations, prompt passes, current prompt afterwards
    pytest.param(None, "a b c", ["append[a,b,c]"], 1, None, id="G.1-1 004-02"),
    pytest.param(None, "a b P7 c", ["append[a,b]", "replace[P7]", "append[c]"], 2, 7, id="G.1-2 004-04"),
    pytest.param(None, "P7 P8", ["replace[P7]", "replace[P8]"], 0, 8, id="G.1-3 004-07"),
    pytest.param(None, "a", ["append[a]"], 1, None, id="G.1-4 004-08"),
    pytest.param(7, "a b R7", ["append[a,b]", "append[R7]"], 1, None, id="G.1-5"),
    pytest.param(8, "a R7 b", ["append[a]", "append[R7]", "append[b]"], 2, 8, id="G.1-6 004-10"),
    pytest.param(7, "S8 a", ["append[S8]", "append[a]"], 1, 7, id="G.1-7"),
    pytest.param(None, "a T U U b", ["append[a,T,U,U,b]"], 1, None, id="G.1-8 004-19"),
    pytest.param(None, "a Q", ["append[a]", "append[Q]"], 1, None, id="G.1-9"),
    pytest.param(7, "C7", ["append[R7]"], 0, None, id="G.1-13"),
]


@pytest.mark.parametrize(("running", "arrivals", "operations", "passes", "current"), G1)
def test_g1_store_operations(
    running: int | None, arrivals: str, operations: list[str], passes: int, current: int | None
) -> None:
    """G.1: arrivals in one window → store operations, in order (004-02…05, 07, 08, 33)."""
    session, log = session_with(running)
    events = [make(letter) for letter in arrivals.split()]
    assert session.feed(events) == len(events)
    assert log.lines == operations
    assert log.passes == passes == sum("append" in line and line[7] in "abcTU" for line in operations)
    assert log.effects == events, "one effects pass per event, in arrival order"
    assert session.prompt_id == current


def rows(session: Session) -> list[Item]:
    delta = session.take()
    return [] if delta is None else list(delta.added)


def test_g1_2_echo_stands_in_its_place() -> None:
    """G.1-2, 004-05: transcript order is arrival order, the echo's own place included."""
    session, _ = session_with()
    session.feed([make(x) for x in ("a", "b", "P7")] + [ev.TextDelta(at(), "m2", "c")])
    assert [item.id for item in rows(session)] == ["m1", "p7", "m2"]
    assert session.header.pending
    assert session.header.state == "running"


def test_g1_5_prompt_complete_once_with_duration_from_the_tally() -> None:
    """G.1-5, 004-12: also when the stop reason comes in the same batch as chunks."""
    session, _ = session_with(7)
    session.feed([make("a"), make("b"), make("R7")])
    assert [fact for fact in session.facts if isinstance(fact, Completed)] == [Completed("s", "end_turn", 5 * S, 2)]
    assert not session.header.pending
    session.feed([make("R7")])
    assert len(session.facts) == 1, "a second answer announces nothing"


def test_g1_6_late_answer_changes_nothing() -> None:
    """004-10, 004-32: what was the case before the update decides; a store that is changed in place would hide it."""
    session, _ = session_with(8)
    session.feed([make("a"), make("R7"), make("b")])
    assert session.header.pending
    assert session.facts == []


def test_g1_8_tool_row_is_merged_by_id() -> None:
    session, _ = session_with()
    session.feed([make(x) for x in ("a", "T", "U", "U")] + [ev.TextDelta(at(), "m2", "b")])
    items = rows(session)
    assert [item.id for item in items] == ["m1", "call", "m2"]
    tool = items[1]
    assert isinstance(tool, Tool)
    assert str(tool.output) == "xx"


def test_g1_9_permission_after_its_row() -> None:
    """G.1-9: what the question names is in the transcript before the question is told."""
    session, _ = session_with()
    session.feed([make("a"), make("T"), make("Q")])
    assert [type(fact) for fact in session.facts] == [Question]
    assert rows(session)[-1].id == "call"


def test_g1_10_drain_before_the_tick_applies_once() -> None:
    woken = []
    hub = Hub(lambda: woken.append(1))
    hub.sessions["s"] = Session("s")
    hub.put("s", [make("a")])
    (delta,) = hub.flush("s", bounded=False)
    assert len(delta.added) == 1
    assert not hub.pending
    assert hub.flush() == [], "the would-be tick finds nothing"
    assert len(woken) == 1


def test_g1_11_queue_goes_on_one_per_turn_end() -> None:
    """G.1-11: m1 is sent in the deferred drain, m2 stays, nothing is announced because something sendable waits."""
    session, _ = session_with(7, [Queued("q1", "m1"), Queued("q2", "m2")])
    session.feed([make("a"), make("R7")])
    assert session.facts == [Drain("s")]
    queued = session.next_prompt()
    assert queued is not None
    assert queued.text == "m1"
    assert len(session.queue) == 2, "kept until it went out"
    session.sent(queued, None)
    assert [one.text for one in session.header.queued] == ["m2"]
    assert session.next_prompt() is None, "a turn runs now"


def test_g1_12_an_edited_prompt_holds_the_queue() -> None:
    session, _ = session_with(7, [Queued("q1", "m1", editing=True)])
    session.feed([make("R7")])
    assert [type(fact) for fact in session.facts] == [Completed]
    assert session.next_prompt() is None


def test_g1_13_cancelled_does_not_drain() -> None:
    session, _ = session_with(7, [Queued("q1", "m1")])
    session.feed([make("C7")])
    assert [fact.stop_reason for fact in session.facts if isinstance(fact, Completed)] == ["cancelled"]
    assert not any(isinstance(fact, Drain) for fact in session.facts)


def test_g1_14_four_effects_in_one_run() -> None:
    """G.1-14, 004-14…17: config, usage, adapter and compacting in one append."""
    session, log = session_with()
    session.feed(
        [
            ev.ConfigChanged(at(), mode="plan", llm="opus"),
            ev.Usage(at(), 5, 10),
            ev.Usage(at(), "many", None),  # type: ignore[arg-type]
            ev.AdapterSeen(at(), "claude-code", "2.1"),
            ev.Compacting(at(), True),
        ]
    )
    assert len(log.lines) == 1
    header = session.header
    assert (header.mode, header.llm, header.used, header.size) == ("plan", "opus", 5, 10)
    assert (header.adapter, header.version, header.state) == ("claude-code", "2.1", "compacting")


def test_g1_15_boundary_ends_compacting_and_drains() -> None:
    session, _ = session_with(None, [Queued("q1", "m1")])
    session.feed([ev.Compacting(at(), True)])
    assert session.next_prompt() is None, "nothing is sent while compacting"
    session.feed([ev.Compacted(at(), "c1", "summary")])
    assert session.facts == [Drain("s")]
    assert session.next_prompt() is not None


@pytest.mark.parametrize(
    "end", [ev.Answered(at(6), 7, "cancelled"), ev.Answered(at(6), 7, None, "boom"), ev.Compacting(at(), False)]
)
def test_004_17_compacting_ends_on_failure_and_cancel(end: Event) -> None:
    session, _ = session_with(7, [Queued("q1", "m1")])
    session.feed([ev.Compacting(at(), True), end])
    assert not session.compacting
    assert session.header.state != "compacting"


def test_g1_16_sessions_are_independent() -> None:
    """G.1-16, 004-21: one append each, order kept inside each."""
    hub = Hub(lambda: None)
    logs = {}
    for key in "xy":
        logs[key] = Log()
        hub.sessions[key] = Session(key, trace=logs[key])
    for letter in ("a", "b", "c"):
        for key in "xy":
            hub.put(key, [make(letter)])
    deltas = hub.flush()
    assert {delta.session for delta in deltas} == {"x", "y"}
    assert len(deltas) == 2
    assert all(log.lines == ["append[a,b,c]"] for log in logs.values())


def test_g1_17_unknown_session_is_counted() -> None:
    """G.1-17, 004-23."""
    hub = Hub(lambda: None)
    hub.put("ghost", [make("a"), make("b")])
    assert hub.flush() == []
    assert hub.unknown == {"ghost": 2}


def test_g1_18_wake_once_after_quiet() -> None:
    woken = []
    hub = Hub(lambda: woken.append(1))
    hub.sessions["s"] = Session("s")
    for _ in range(10):
        hub.put("s", [make("a")])
    assert len(woken) == 1
    hub.flush()
    assert not hub.pending
    hub.put("s", [make("b")])
    assert len(woken) == 2


# ---- any split of a sequence gives the same ------------------------------------------------------------------------


def random_events(rng: random.Random, count: int) -> list[Event]:
    """A random mix of everything, with ids that meet, repeat and miss each other."""
    return [random_event(rng, number) for number in range(count)]


def random_event(rng: random.Random, number: int) -> Event:
    where = At(ts=number * S, offset=number * 100, length=99, agent=rng.choice(["", "", "", "sub"]))
    item = f"i{rng.randrange(6)}"
    call = f"t{rng.randrange(5)}"
    say = f"say {rng.randrange(3)}"
    made = rng.choice(
        [
            lambda: ev.TextDelta(where, item, rng.choice("abc\n")),
            lambda: ev.TextDelta(where, item, rng.choice("abc\n")),
            lambda: ev.ThoughtDelta(where, "h" + item, "t"),
            lambda: ev.MessageDone(where, item, "done", "opus"),
            lambda: ev.ThoughtDone(where, "h" + item, "", hidden=True),
            lambda: ev.ToolStarted(where, call, "Bash", "tool.shell", "ls"),
            lambda: ev.ToolInput(where, call, "{"),
            lambda: ev.ToolUpdated(where, call, output="o", append=True),
            lambda: ev.ToolUpdated(where, call, status=rng.choice(["ok", "failed", "running"])),
            lambda: ev.PromptText(where, f"u{number}", say),
            lambda: ev.PromptSent(where, number % 5, f"p{number}", say, rng.random() < 0.3),
            lambda: ev.Answered(where, number % 5, rng.choice(["end_turn", "cancelled", None])),
            lambda: ev.Asked(where, number, call, "may I?"),
            lambda: ev.NoticeAdded(where, f"n{number % 7}", "info", "text"),
            lambda: ev.Compacting(where, rng.random() < 0.5),
            lambda: ev.Compacted(where, f"c{number}", "sum"),
            lambda: ev.Usage(where, number, None),
            lambda: ev.ConfigChanged(where, llm=f"m{number % 3}"),
            lambda: ev.SessionNamed(where, title=f"t{number}", rank=rng.randrange(3)),
            lambda: ev.TurnEnded(where),
            lambda: ev.Unreadable(where, f"@{number}", "odd", "unknown type"),
            lambda: ev.Rewound(where, item),
            lambda: ev.PlanSet(where, "plan", (("a", "pending"),)),
            lambda: ev.Called(where, number, "x/y"),
            lambda: ev.AdapterSeen(where, "acme"),
        ]
    )
    return made()


def replay(events: Sequence[Event], cuts: Sequence[int], ticks: random.Random | None) -> tuple[object, ...]:
    """Feed the pieces between the cuts; take Deltas at random moments; return all that can be seen afterwards."""
    session = Session("s")
    session.connected = True
    screen: list[Item] = []
    facts: list[object] = []
    effects: list[Event] = []
    session.trace = lambda operation, run: effects.extend(run) if operation == "effects" else None
    edges = [0, *sorted(cuts), len(events)]
    for first, last in itertools.pairwise(edges):
        if first < last:
            assert session.feed(events[first:last]) == last - first
        if ticks is None or ticks.random() < 0.6:
            show(screen, session.take())
    show(screen, session.take())
    facts += session.facts
    plain = [without_rev(item) for item in screen]
    return plain, session.header, facts, effects, session.prompt_id, session.compacting


def show(screen: list[Item], delta: Delta | None) -> None:
    """What a model does with a Delta."""
    if delta is None:
        return
    if delta.keep is not None:
        del screen[delta.keep :]
    for row, item in delta.changed:
        screen[row] = item
    assert delta.first == len(screen)
    screen.extend(delta.added)


def without_rev(item: Item) -> object:
    """Joined pieces make fewer versions; everything else must be equal."""
    fields = {name: getattr(item, name) for name in item.__struct_fields__}
    fields.pop("rev")
    return type(item), fields


@pytest.mark.parametrize("hundred", range(10))  # a thousand with every run
def test_coalesced_equals_one_at_a_time_equals_any_split(hundred: int) -> None:
    """004-05, 004-06, 004-13: same rows, same header, same facts, same effects for any split into batches."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        rng = random.Random(seed)
        events = random_events(rng, rng.randrange(1, 80))
        whole = replay(events, [], None)
        assert replay(events, range(len(events)), None) == whole, seed
        cuts = [rng.randrange(len(events) + 1) for _ in range(rng.randrange(10))]
        assert replay(events, cuts, rng) == whole, seed


def streamed(rng: random.Random, count: int) -> list[Event]:
    """Mostly pieces of one open text, as agents stream, with anything else in between."""
    events: list[Event] = []
    offset = 0
    while len(events) < count:
        if rng.random() < 0.4:
            events.append(random_event(rng, len(events)))
        kind, item = rng.choice(((ev.TextDelta, "m"), (ev.TextDelta, "m"), (ev.ThoughtDelta, "h")))
        for _ in range(rng.randrange(1, 25)):
            offset += rng.choice((50, 51, 50, 70))  # the bytes of a piece follow those before, or not
            where = At(ts=rng.choice((None, len(events) * S // 7)), offset=offset, length=49)
            events.append(kind(where, f"{item}{len(events) // 40}", rng.choice(("a", "b ", "\n", ""))))
    return events


def through_hub(events: Sequence[Event], rng: random.Random) -> tuple[object, ...]:
    """As `replay`, but the way of the app: put by a worker in any pieces, taken by ticks."""
    hub = Hub(lambda: None)
    session = hub.sessions["s"] = Session("s")
    session.connected = True
    screen: list[Item] = []
    effects: list[Event] = []
    session.trace = lambda operation, run: effects.extend(run) if operation == "effects" else None
    done = 0
    while done < len(events) or hub.pending:
        for _ in range(rng.randrange(3)):
            piece = list(events[done : done + rng.randrange(20)])
            done += len(piece)
            hub.put("s", piece)
        for delta in hub.flush():
            show(screen, delta)
    assert hub.folded == len(events)
    assert hub.backlog == 0
    plain = [without_rev(item) for item in screen]
    return plain, session.header, hub.facts, effects, session.prompt_id, session.compacting


@pytest.mark.parametrize("hundred", range(3))
def test_ticks_of_the_hub_end_as_one_append_does(hundred: int) -> None:
    """The short way of a growing text and the way of all others are one: same rows, header, facts and effects."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        rng = random.Random(seed)
        events = streamed(rng, rng.randrange(1, 200))
        assert through_hub(events, rng) == replay(events, [], None), seed


def test_a_growing_text_is_one_changed_row() -> None:
    """P-02, 004-02: one append, one pass and one changed row for all pieces of a tick, in however many reads."""
    hub = Hub(lambda: None)
    log = Log()
    session = hub.sessions["s"] = Session("s", trace=log)
    hub.put("s", [make("a")])
    hub.flush()
    log.__init__()  # type: ignore[misc]
    for letter in "bca":
        hub.put("s", [make(letter)])
    (delta,) = hub.flush()
    assert log.lines == ["append[b,c,a]"]
    assert log.passes == 1
    assert [(row, str(item.text)) for row, item in delta.changed] == [(0, "abca")]  # type: ignore[union-attr]
    assert (delta.first, delta.added, delta.header, delta.backlog) == (1, (), None, 0)
    assert session.take() is None, "nothing is told twice"


def test_a_growing_text_takes_along_what_was_not_told_yet() -> None:
    """Rows, header fields and facts that came by another way leave with the same Delta."""
    hub = Hub(lambda: None)
    session = hub.sessions["s"] = Session("s")
    session.connected = True
    session.feed([make("a")])
    session.put_prompt(Queued("q1", "m1"))
    session.feed([ev.Compacting(at(), True), ev.Compacting(at(), False)])
    hub.put("s", [ev.TextDelta(at(3), "m1", "b")])
    (delta,) = hub.flush()
    assert [str(item.text) for item in delta.added] == ["ab"]  # type: ignore[union-attr]
    assert delta.changed == ()
    assert delta.header is not None
    assert ([one.text for one in delta.header.queued], delta.header.updated) == (["m1"], 3 * S)
    assert hub.facts == [Drain("s")]


def test_a_dumped_state_goes_on_as_if_nothing_had_happened() -> None:
    rng = random.Random(7)
    events = random_events(rng, 300)
    straight = State()
    changes = fold_run(straight, events)
    first = State()
    there = fold_run(first, events[:150])
    second = State.load(first.dump())
    there += fold_run(second, events[150:])
    assert straight.dump() == second.dump()
    assert {change.row for change in changes} == {change.row for change in there}


def test_every_event_has_a_handler() -> None:
    """The fold names every event; so does the list of those with an id."""
    from store.fold import HANDLERS

    def below(kind: type) -> set[type]:
        return {kind} | {sub for child in kind.__subclasses__() for sub in below(child)}

    assert below(Event) - {Event} == set(HANDLERS)


def test_late_news_of_a_closed_call_still_counts_once() -> None:
    """004-19: later fields win, the first end stays, an unknown id is a visible orphan."""
    state = State()
    fold(state, ev.ToolStarted(At(ts=1), "t", "Bash"))
    fold(state, ev.ToolUpdated(At(ts=5), "t", status="ok", output="one"))
    (put,) = fold(state, ev.ToolUpdated(At(ts=9), "t", status="running", output="two"))
    tool = put.item  # type: ignore[union-attr]
    assert isinstance(tool, Tool)
    assert (tool.status, tool.ended, str(tool.output)) == ("ok", 5, "two")
    (orphan,) = fold(state, ev.ToolUpdated(At(ts=9), "ghost", status="failed"))
    assert orphan.item.orphan  # type: ignore[union-attr]


def test_optimistic_prompt_is_replaced_in_place_by_its_echo() -> None:
    """004-09: matched by its text, not 'whatever comes first'; a steer's echo does not touch it."""
    session, _ = session_with()
    session.sent(Queued("mine", "fix it"), 1)
    session.feed([ev.PromptSent(at(), 8, "steer", "hurry", steer=True), chunk("a")])
    session.feed([ev.PromptSent(at(), 9, "echo", "fix it")])
    items = rows(session)
    assert [(item.id, getattr(item, "sending", False)) for item in items] == [
        ("echo", False),
        ("steer", False),
        ("m1", False),
    ]


def test_a_flood_is_taken_in_slices_in_order() -> None:
    """004-40: 50,000 events at once: each tick keeps its budget, nothing is lost, the backlog is told."""
    now = [0.0]

    def clock() -> float:
        now[0] += 0.001  # every look at the clock costs a millisecond: about eight slices per tick
        return now[0]

    hub = Hub(lambda: None, clock=clock)
    hub.sessions["s"] = Session("s")
    for number in range(500):
        hub.put("s", [ev.NoticeAdded(At(), f"n{number}-{k}", "info", "x") for k in range(100)])
    screen: list[Item] = []
    ticks = 0
    backlogs = []
    while hub.pending:
        before = hub.folded
        for delta in hub.flush():
            show(screen, delta)
            backlogs.append(delta.backlog)
        assert hub.folded - before <= 12 * 256, "a tick does a bounded amount of work"
        ticks += 1
    assert ticks > 10
    assert [item.id for item in screen] == [f"n{number}-{k}" for number in range(500) for k in range(100)]
    assert backlogs[0] > 0
    assert backlogs[-1] == 0
    assert hub.backlog == 0


def test_a_flood_in_one_session_does_not_silence_another() -> None:
    """004-21: every session gets its share of a tick."""
    now = [0.0]

    def clock() -> float:
        now[0] += 0.0005
        return now[0]

    hub = Hub(lambda: None, clock=clock)
    for key in ("flood", "quiet"):
        hub.sessions[key] = Session(key)
    hub.put("flood", [ev.NoticeAdded(At(), f"n{k}", "info", "x") for k in range(50_000)])
    hub.put("quiet", [chunk("a")])
    told = {delta.session for delta in hub.flush()}
    told |= {delta.session for delta in hub.flush()}
    assert "quiet" in told
