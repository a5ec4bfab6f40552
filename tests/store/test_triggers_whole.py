"""Webhook → run → thread → webhook with `--resume` → stale → retry → reset: a scripted agent behind a real port."""

from __future__ import annotations

from pathlib import Path

from hooks import Web, comment, signed

from store import threads
from store.report import rows_of
from store.triggers import deliveries, save_trigger


def transcript(session: str | None, home: Path) -> Path:
    (found,) = (home / ".claude" / "projects").glob(f"*/{session}.jsonl")
    return found


def test_from_a_webhook_to_a_reset(web: Web, home: Path) -> None:
    """003-02, 003-03, 003-05, 003-15, 003-16, 003-20, 003-71, 003-72, 003-93, 003-94, 003-96, P-11, G.6."""
    web.trigger()
    first = web.sent_and_done("The token is heliotrope")
    assert (first.verdict, first.thread_key) == ("accepted", "github:ada/project:pr:12")
    thread = web.thread()
    session = thread.session
    assert (thread.key, thread.state, thread.turns, thread.last_outcome) == (first.thread_key, "resumable", 1, "fresh")
    assert session is not None

    second = web.sent_and_done("What did we do?")
    argv = [one["argv"] for one in web.started()]
    assert "--resume" not in argv[0]
    assert argv[1][argv[1].index("--resume") + 1] == session
    assert "heliotrope" in transcript(session, home).read_text()
    assert "You have asked 1 times before." in transcript(session, home).read_text()  # it knew of the first
    assert web.thread().resume_hits == 1
    assert (first.reason, second.reason) == ("Fresh session. It ended well.", "Resumed. It ended well.")

    transcript(session, home).unlink()  # as Claude does it after a month
    third = web.sent_and_done("Say hello")
    thread = web.thread()
    assert "is gone: begun anew" in third.reason
    assert thread.session not in (None, session)
    assert (thread.stale_retries, thread.was_stale, thread.last_outcome) == (1, True, "was stale")
    assert thread.parent_session == session
    assert "--resume" not in web.started()[2]["argv"]

    kept = transcript(thread.session, home).read_bytes()
    done = threads.reset(web.db, thread.id)
    assert not done.waits
    assert web.thread().session is None
    fourth = web.sent_and_done("Say hello")
    assert fourth.verdict == "accepted"
    assert "--resume" not in web.started()[3]["argv"]
    assert transcript(thread.session, home).read_bytes() == kept
    assert len(rows_of(transcript(thread.session, home))[0]) >= 2  # and it can be read as before
    assert web.thread().parent_session == thread.session
    assert web.thread().session not in (None, thread.session)
    assert [run.state for run in web.runs_made()] == ["ok"] * 4
    assert [run.resumed for run in web.runs_made()] == [0, 1, 2, 0]


def test_a_session_that_its_agent_does_not_know_is_retried_once(web: Web, home: Path) -> None:
    """003-15, 003-96: the file is there and has nothing in it, so only the result record can tell."""
    web.trigger()
    web.sent_and_done()
    session = web.thread().session
    transcript(session, home).write_bytes(b"")
    told = web.sent_and_done()
    runs = web.runs_made()[1:]
    assert [(run.state, run.resumed, run.asked_session) for run in runs] == [("failed", 1, session), ("ok", 2, None)]
    assert runs[1].retry_of == runs[0].id
    assert "not known any more" in told.reason
    assert web.thread().session not in (None, session)
    assert web.thread().runs == 3


def test_other_threads_are_not_touched(web: Web) -> None:
    """P-11, 003-05: the number 12 of issues is another thing than that of pull requests."""
    web.trigger()
    for how in ({"number": 12}, {"number": 13}, {"number": 12, "pr": False}):
        web.sent_and_done(**how)
    before = {row.key: row.session for row in web.threads()}
    assert sorted(before) == ["github:ada/project:issue:12", "github:ada/project:pr:12", "github:ada/project:pr:13"]
    (one,) = (row for row in web.threads() if row.key.endswith("pr:13"))
    threads.reset(web.db, one.id)
    after = {row.key: row.session for row in web.threads()}
    assert after == {**before, one.key: None}


def test_what_must_not_run_does_not(web: Web) -> None:
    """003-26, 003-27: the same answer for each, a row in the log for each, and nothing was paid for."""
    web.trigger(own_authors="playhead-bot", filter={"action": ["created"]})
    body = comment()
    answers = [
        web.post(body, headers={"X-Hub-Signature-256": ""}),
        web.post(body, headers={"X-Hub-Signature-256": "sha256=" + "0" * 64}),
        web.post(body, slug="nobody"),
        web.post(b"{no json", headers={"X-Hub-Signature-256": ""}),
        web.post(comment(login="Playhead-Bot")),
        web.post(comment(action="deleted")),
    ]
    assert answers == [200] * 6
    web.until(lambda: len(deliveries(web.db)) == 6)
    told = [(one.verdict, one.reason) for one in reversed(deliveries(web.db))]
    assert [verdict for verdict, _ in told] == ["refused"] * 4 + ["skipped"] * 2
    for (_, reason), words in zip(
        told, ("no signature", "wrong", "no trigger", "no signature", "own", "action"), strict=True
    ):
        assert words in reason
    assert web.started() == []

    first = web.sent_and_done(text="Say hello")
    web.sent -= 1  # GitHub sends the same delivery again
    again = web.sent_and_done(text="Say hello")
    assert (first.verdict, again.verdict) == ("accepted", "skipped")
    assert "repeat" in again.reason
    assert len(web.started()) == 1


def test_what_was_signed_once_is_run_once(web: Web) -> None:
    """003-26, 003-27: a replay under a made-up id is refused with the same answer; a trigger may take it."""
    trigger = web.trigger(resume_sessions=False)
    body = comment()
    before = web.last
    assert web.post(body) == 200
    web.done(before)
    assert [web.post(body), web.post(body, headers={"X-GitHub-Delivery": ""})] == [200, 200]
    for form in (f"  {signed(body)} ", signed(body)):  # however the header is written
        assert web.post(body, headers={"X-Hub-Signature-256": form}) == 200
    web.until(lambda: len(deliveries(web.db)) == 5)
    first, *others = reversed(deliveries(web.db))
    assert [one.verdict for one in others] == ["refused"] * 4
    assert all("replay" in one.reason and "as delivery d-1." in one.reason for one in others)
    assert (first.verdict, len(web.started())) == ("accepted", 1)
    web.service.stop()  # and it is not forgotten
    web.service = type(web.service)(web.db, web.file, web.runs, web._told)
    web.service.start()
    assert web.post(body) == 200
    web.until(lambda: len(deliveries(web.db)) == 6)
    assert deliveries(web.db)[0].verdict == "refused"

    save_trigger(web.db, {"repeats": "on"}, trigger.id)
    web.service.apply()
    other = comment()
    for headers in ({}, {}, {"X-GitHub-Delivery": ""}, {"X-GitHub-Delivery": ""}):
        before = web.last
        assert web.post(other, headers=headers) == 200
        assert web.done(before).verdict == "accepted"
    again = web.last  # the same id is a repeat all the same
    assert web.post(other, headers={"X-GitHub-Delivery": "d-7"}) == 200
    assert web.done(again).verdict == "skipped"
