"""The receiver: limits, slow and broken senders, two on one port; the spool; and a Playhead that is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hooks import Web, agents, comment, free_port

from store import spool
from store.db.serving import Serving
from store.errors import StoreError
from store.receiver import MAX_BODY, Receiver
from store.spool import Arrived, FullError, Spool, left
from store.triggers import deliveries

REPO = Path(__file__).resolve().parents[2]
HEAD = b"POST /hooks/x HTTP/1.1\r\nHost: localhost\r\n"


class Seen:
    """What a receiver was given."""

    def __init__(self) -> None:
        self.records: list[Arrived] = []
        self.full = False
        self.news = threading.Event()

    def put(self, record: Arrived) -> None:
        if self.full:
            raise FullError
        self.records.append(record)
        self.news.set()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def receiver(seen: Seen) -> Iterator[Receiver]:
    made = Receiver("127.0.0.1", 0, lambda slug, headers, body, now: (1, ""), seen.put, read_s=0.5, connections=2)
    made.start()
    yield made
    made.stop()


def talk(receiver: Receiver, data: bytes, more: bytes = b"") -> bytes:
    """Say this, and all that comes back until the other side hangs up."""
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=20) as one:
        one.sendall(data)
        with contextlib.suppress(OSError):  # it may have had enough
            one.sendall(more)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while some := one.recv(65536):
                answer += some
        return answer


def test_a_request_is_taken_as_it_came(receiver: Receiver, seen: Seen) -> None:
    answer = talk(receiver, HEAD + b"X-GitHub-Event: ping\r\nCookie: secret\r\nContent-Length: 2\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.0 200 OK")
    assert answer.endswith(b'{"status":"ok"}\n')
    assert b"Server" not in answer  # nobody learns what listens here
    (record,) = seen.records
    assert (record.trigger_id, record.slug, record.body, record.refused) == (1, "x", b"{}", "")
    assert record.headers == {"x-github-event": "ping"}


def test_a_system_without_threads_takes_no_place_for_ever(
    receiver: Receiver, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, failed = threading.Thread.start, list[int]()

    def scarce(thread: threading.Thread) -> None:
        if "process_request_thread" in thread.name and len(failed) < 3:
            failed.append(1)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    for _ in range(3):
        assert talk(receiver, HEAD + b"Content-Length: 2\r\n\r\n{}") == b""
    assert talk(receiver, HEAD + b"Content-Length: 2\r\n\r\n{}").startswith(b"HTTP/1.0 200 OK")
    assert len(failed) == 3


def test_a_body_that_is_too_big_is_refused_before_it_is_read(receiver: Receiver, seen: Seen) -> None:
    """25 MB: the sender sees the same answer as everybody."""
    size = 25 << 20
    answer = talk(receiver, HEAD + f"Content-Length: {size}\r\n\r\n".encode(), b"x" * size)
    assert answer.startswith(b"HTTP/1.0 200 OK")
    (record,) = seen.records
    assert (record.body, record.size) == (b"", size)
    assert "at most" in record.refused
    assert size > MAX_BODY


@pytest.mark.parametrize(
    "head",
    [b"", b"Content-Length: x\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n"],
)
def test_a_body_without_a_size_is_not_read(receiver: Receiver, seen: Seen, head: bytes) -> None:
    assert talk(receiver, HEAD + head + b"\r\n").startswith(b"HTTP/1.0 200 OK")
    assert "Content-Length" in seen.records[0].refused


def test_slow_senders_are_cut_off_and_others_are_served(receiver: Receiver, seen: Seen) -> None:
    """As many as there are connections: the next one is asked to come again, and is taken when they are gone."""
    slow = [socket.create_connection(("127.0.0.1", receiver.port), timeout=20) for _ in range(2)]
    slow[0].sendall(HEAD + b"Content-Length: 10\r\n\r\n{")  # a body that does not come
    slow[1].sendall(b"POST /hooks/x HT")  # not even a line
    whole = HEAD + b"Content-Length: 2\r\n\r\n{}"
    answers = {talk(receiver, whole)[9:12] for _ in range(2)}
    while b"200" not in answers:
        answers.add(talk(receiver, whole)[9:12])
    assert answers <= {b"200", b"503"}
    told = [record.refused for record in seen.records]
    assert "" in told
    for one in slow:
        with contextlib.suppress(ConnectionResetError):
            assert one.recv(100)[:12] in (b"", b"HTTP/1.0 200")
        one.close()


def test_who_hangs_up_early_is_no_trouble(receiver: Receiver, seen: Seen) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as one:
        one.sendall(HEAD + b"Content-Length: 10\r\n\r\n{")
    assert seen.news.wait(20)
    assert "ended before" in seen.records[0].refused
    for data in (b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" + bytes(40) + b"\r\n\r\n"):
        talk(receiver, data)
    assert talk(receiver, b"GET /hooks/x HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.0 405")
    assert talk(receiver, HEAD + b"Content-Length: 2\r\n\r\n{}").startswith(b"HTTP/1.0 200")


def test_too_much_is_asked_to_come_again(receiver: Receiver, seen: Seen) -> None:
    seen.full = True
    answer = talk(receiver, HEAD + b"Content-Length: 2\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.0 503")
    assert b"Retry-After" in answer


@pytest.mark.parametrize("head", [b"Origin: https://example.org", b"Sec-Fetch-Mode: no-cors"])
def test_a_web_page_is_refused(receiver: Receiver, seen: Seen, head: bytes) -> None:
    """Any page that is open in a browser can post to this machine; it is told no more than everybody."""
    assert b"200 OK" in talk(receiver, HEAD + head + b"\r\nContent-Length: 0\r\n\r\n")
    assert "web page" in seen.records[0].refused


def test_bodies_have_a_limit_in_all(receiver: Receiver, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before anybody knows who sends them; what one held is free when it is gone."""
    monkeypatch.setattr("store.receiver.BODIES", 100_000)
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=20) as slow:
        slow.sendall(HEAD + b"Content-Length: 90000\r\n\r\n" + b"x" * 80_000)
        while receiver._bytes < 80_000:
            assert not seen.news.wait(0.001)
        answer = talk(receiver, HEAD + b"Content-Length: 50000\r\n\r\n", b"y" * 50_000)
        assert answer.startswith(b"HTTP/1.0 503")
        assert seen.news.wait(20)  # the slow one was cut off
    end = time.monotonic() + 20
    while receiver._bytes:  # it is told of first, then its memory is given back
        assert time.monotonic() < end
        os.sched_yield()
    assert b"200 OK" in talk(receiver, HEAD + b"Content-Length: 50000\r\n\r\n", b"y" * 50_000)
    assert len(seen.records[-1].body) == 50_000


def test_two_on_one_port(receiver: Receiver) -> None:
    """The second one says what to do."""
    with pytest.raises(StoreError, match=r"is taken, perhaps by another Playhead.*receiver\.port"):
        Receiver("127.0.0.1", receiver.port, receiver.check, receiver.put)
    with pytest.raises(StoreError, match="Nothing can listen"):
        Receiver("192.0.2.1", 1, receiver.check, receiver.put)


def test_nobody_connected_is_no_wake_up(seen: Seen) -> None:
    """It waits in the kernel, and ends at once."""
    one = Receiver("127.0.0.1", 0, lambda *_: (1, ""), seen.put)
    one.start()
    looked = 0
    plain = one._cut_off

    def count() -> None:
        nonlocal looked
        looked += 1
        plain()

    one._cut_off = count  # type: ignore[method-assign]
    talk(one, HEAD + b"Content-Length: 2\r\n\r\n{}")
    one.stop()
    assert looked <= 3


# ---- the spool


def test_what_was_answered_is_there_after_a_kill(tmp_path: Path) -> None:
    """Written before it is answered; a half record was never answered."""
    db = tmp_path / "playhead.db"
    code = (
        "import os, sys; from pathlib import Path; from store.spool import Arrived, Spool\n"
        "one = Spool(Path(sys.argv[1]))\n"
        "for n in range(3): one.put(Arrived(n, 1, 'x', 2, {}, b'{}'))\n"
        "os.write(one._out.fileno(), b'\\0\\0\\1')\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(db)], cwd=REPO, check=False)
    own = Spool(db)
    ((records, path),) = left(db)
    assert [record.ts for record in records] == [0, 1, 2]
    assert path != own.path
    own.close()
    assert not own.path.exists()  # it was empty


def test_what_arrives_together_is_made_safe_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer before the disk has it, one wait for all that came meanwhile, and no answer when the disk fails."""
    begun, go, made = threading.Event(), threading.Event(), list[int]()
    to_disk = spool._to_disk

    def slow(file: int) -> None:
        begun.set()
        assert go.wait(60)
        to_disk(file)
        made.append(file)

    monkeypatch.setattr(spool, "_to_disk", slow)
    one = Spool(tmp_path / "playhead.db")
    answered: list[int] = []

    def send(number: int) -> None:
        one.put(Arrived(number, 1, "x", 2, {}, b"{}"))
        answered.append(number)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(9)]
    senders[0].start()
    assert begun.wait(60)
    for sender in senders[1:]:
        sender.start()
    while one.waiting < 9:
        assert not answered
    go.set()
    for sender in senders:
        sender.join()
    assert (len(answered), one.syncs, len(made)) == (9, 2, 2)
    assert len(one.take()[0]) == 9
    monkeypatch.setattr(spool, "_to_disk", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(OSError, match="Input/output"):
        one.put(Arrived(9, 1, "x", 2, {}, b"{}"))
    one.close()


def test_what_leaves_the_spool_is_as_safe_in_the_database(tmp_path: Path) -> None:
    with contextlib.closing(Serving(tmp_path / "playhead.db")) as serving:
        assert serving.write(lambda tx: tx.exec_driver_sql("PRAGMA synchronous").scalar()) == 2, "FULL"


def test_a_spool_is_bounded_and_emptied(tmp_path: Path) -> None:
    one = Spool(tmp_path / "playhead.db", most=3_000)
    record = Arrived(1, 1, "x", 1_000, {}, b"x" * 1_000)
    one.put(record)
    one.put(record)
    with pytest.raises(FullError):
        one.put(record)
    records, at = one.take(many=1)
    assert records == [record]
    one.done(at, 1)
    one.put(record)
    records, at = one.take()
    assert len(records) == 2
    one.done(at, 2)
    assert one.path.stat().st_size == 0
    assert one.take() == ([], 0)
    assert not one.news.is_set()
    one.close()


def test_a_busy_database_delays_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import writes while webhooks come in: they are answered, and run when it is over."""
    import sqlite3

    web = Web(tmp_path / "data", agents(tmp_path, monkeypatch))
    web.service.start()
    web.trigger()
    with contextlib.closing(sqlite3.connect(web.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert [web.post(comment(number)) for number in (1, 2, 3)] == [200] * 3
        assert web.service.inbox.spool.waiting == 3
        other.execute("ROLLBACK")
    web.until(lambda: len(web.runs_made()) == 3 and web.service.queue.settled(0))
    assert sorted(row.key[-4:] for row in web.threads()) == ["pr:1", "pr:2", "pr:3"]
    web.close()


# ---- a process


def serving(web: Web) -> subprocess.Popen[bytes]:
    own = {**os.environ, "PLAYHEAD_DATA_DIR": str(web.db.parent.parent)}
    command = [sys.executable, "-m", "viewer", "serve", "--port", str(web.port)]
    process = subprocess.Popen(command, cwd=REPO, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert b"Listening on" in line, (line, process.stderr.read() if process.stderr else b"")
    return process


def test_a_killed_playhead_leaves_usable_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """X-06: kill -9 in a run: it is interrupted, what waited is run, the thread goes on; Ctrl-C ends it cleanly."""
    web = Web(tmp_path / "root" / "data", agents(tmp_path, monkeypatch))
    web.trigger()
    first = serving(web)
    gate = web.work / "gate"
    web.post(comment(text=f"wait {gate}"))
    web.until(lambda: len(web.started()) == 1)
    web.post(comment(text="Say hello"))
    web.until(lambda: len(deliveries(web.db)) == 2)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert web.thread().state == "running"

    second = serving(web)
    web.until(lambda: all(one.handled is not None for one in deliveries(web.db)))
    told = deliveries(web.db)
    assert "Interrupted" in told[1].reason
    assert "ended well" in told[0].reason
    assert [run.state for run in web.runs_made()] == ["interrupted", "ok"]
    assert web.thread().state == "resumable"
    second.send_signal(signal.SIGINT)
    out, error = second.communicate(timeout=60)
    assert (second.returncode, error) == (0, b"")
    assert out.endswith(b"Ended.\n")
    web.close()
    assert not list(web.db.parent.glob("playhead.db.inbox-*[0-9a-f]"))


def test_two_playheads_with_one_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web = Web(tmp_path / "root" / "data", tmp_path)
    web.service.start()
    own = {**os.environ, "PLAYHEAD_DATA_DIR": str(web.db.parent.parent)}
    command = [sys.executable, "-m", "viewer", "serve", "--port", str(web.port)]
    done = subprocess.run(command, cwd=REPO, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"Port {web.port} on 127.0.0.1 is taken" in done.stderr
    web.close()


@pytest.mark.parametrize(
    ("host", "wide"),
    [("127.0.0.1", False), ("localhost", False), ("[::1]", False), ("0.0.0.0", True)],  # noqa: S104
)
def test_it_says_whether_others_can_reach_it(seen: Seen, host: str, wide: bool) -> None:
    try:
        made = Receiver(host, 0, lambda slug, headers, body, now: (1, ""), seen.put)
    except StoreError as error:
        if host == "[::1]":
            pytest.skip(str(error))
        raise
    made.start()
    assert made.open is wide
    with socket.create_connection(("::1" if ":" in host else "127.0.0.1", made.port), timeout=20) as one:
        one.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        assert b"200 OK" in one.recv(1000)
    made.stop()


def test_the_receiver_follows_the_settings(tmp_path: Path) -> None:
    """P-10: off until it is switched on, another port without a restart."""
    web = Web(tmp_path / "data", tmp_path)
    web.choose(receiver__on=False)
    web.service.start()
    assert web.service.receiver().state == "off"
    web.choose(receiver__on=True)
    assert web.service.apply().url.endswith(f":{web.port}")
    assert web.post(b"{}") == 200
    old = web.port
    web.choose(receiver__port=free_port())
    web.service.apply()
    assert web.post(b"{}") == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", old)).close()
    web.close()
