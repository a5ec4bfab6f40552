"""`bench deliveries`: a burst of webhooks at a real receiver: how soon each is acknowledged, and whether all were run.

`playhead serve` is a process of its own. Each delivery is a connection of its own, signed as GitHub signs, sent by some
senders at once as fast as they are answered; each starts a program that reads the payload and ends.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import orjson

from store.db.serving import ask
from store.runs_shell import environment
from store.settings import PARALLEL, RECEIVER_PORT, Settings
from store.triggers import deliveries, save_trigger
from viewer.bench.apart import folder
from viewer.bench.common import Report, figure, percentile, report

NAME: Final = "deliveries"
HELP: Final = "a burst of webhooks: acknowledged how soon, none lost, one run per thread at a time, memory"
ALL: Final = ((),)
SECRET: Final = "of this bench"  # noqa: S105
PATIENCE: Final = 300.0  # seconds until all runs are over
_RUNS: Final = (
    "SELECT d.thread_key, r.started, r.ended, r.state FROM run AS r JOIN delivery AS d ON d.id = r.delivery_id "
    "ORDER BY d.thread_key, r.started"
)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--threads", type=int, default=100, help="pull requests that they are about")
    parser.add_argument("--senders", type=int, default=8, help="that send at the same time")
    parser.add_argument("--size", type=int, default=15_000, help="bytes of a payload")


def measure(arguments: argparse.Namespace) -> list[Report]:
    with folder() as home:
        figures = burst(home, arguments.count, arguments.threads, arguments.senders, arguments.size)
    params = {name: getattr(arguments, name) for name in ("count", "threads", "senders", "size")}
    return [report(NAME, params, {name: figure([value]) for name, value in figures.items()})]


def burst(home: Path, count: int, threads: int, senders: int, size: int) -> dict[str, float]:
    """Send them all, wait until they are run, and look at what the database says of it."""
    sys.setswitchinterval(0.0005)  # what the senders wait for is the receiver, not each other
    environment()  # asks the login shell, which is none of what is measured
    db = home / "data" / "playhead.db"
    saved = save_trigger(
        db,
        {"name": "burst", "source": "github", "action": "script", "runner": "shell", "cwd": str(home),
         "prompt": "wc -c", "max_parallel": 32},
        secret=SECRET,
    )  # fmt: skip
    assert saved.trigger is not None, saved.errors
    settings = Settings(home / "config" / "settings.toml")
    settings.put({PARALLEL.name: 2, RECEIVER_PORT.name: free_port()})
    own = {**os.environ, "PLAYHEAD_DATA_DIR": str(home), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "viewer", "serve", "--json"]
    server = subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        port = settings[RECEIVER_PORT]
        first = server.stderr.readline() if server.stderr is not None else b""
        assert b"Listening" in first, first
        bodies = [body(number, threads, size) for number in range(count)]
        _post(port, body(count, threads, size), -1)  # not counted: what is imported with the first
        before = resident(server.pid)
        began = time.perf_counter()
        taken, answers = _send(port, bodies, senders)
        sent = time.perf_counter() - began
        end = time.monotonic() + PATIENCE
        while not _all_run(db, count + 1) and time.monotonic() < end:
            time.sleep(0.2)
        ran = time.perf_counter() - began
        most = peak(server.pid)
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
    rows = ask(db, _RUNS)
    return {
        "ack_p50_ms": percentile(taken, 0.5) * 1000, "ack_p95_ms": percentile(taken, 0.95) * 1000,
        "ack_p99_ms": percentile(taken, 0.99) * 1000, "ack_max_ms": max(taken) * 1000, "burst_s": sent,
        "all_run_s": ran,
        "not_200": sum(answer != 200 for answer in answers),
        "lost": count + 1 - sum(one.verdict == "accepted" for one in deliveries(db, limit=count * 2)),
        "not_run": count + 1 - len(rows), "ended_badly": sum(state != "ok" for *_, state in rows),
        "overlapping": overlapping(rows), "left_running": _open(db), "rss_before_mb": before, "rss_peak_mb": most,
    }  # fmt: skip


def overlapping(rows: list[tuple[Any, ...]]) -> int:
    """Runs of one thread that began before the one before had ended."""
    lanes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for key, started, ended, _ in rows:
        lanes[key].append((started, ended or sys.maxsize))
    return sum(after[0] < before[1] for lane in lanes.values() for before, after in pairwise(sorted(lane)))


def body(number: int, threads: int, size: int) -> bytes:
    """What GitHub sends for a comment, as far as it is looked at, and as big."""
    payload = {
        "action": "created", "issue": {"number": number % threads + 1, "pull_request": {"url": ""}},
        "comment": {"id": number, "body": f"comment {number} "}, "repository": {"full_name": "ada/project"},
        "sender": {"login": "grace"}, "rest": "",
    }  # fmt: skip
    payload["rest"] = "x" * max(0, size - len(orjson.dumps(payload)))
    return orjson.dumps(payload)


def _send(port: int, bodies: list[bytes], senders: int) -> tuple[list[float], list[int]]:
    taken, answers = [0.0] * len(bodies), [0] * len(bodies)
    numbers = iter(range(len(bodies)))
    turn = threading.Lock()

    def send() -> None:
        while True:
            with turn:
                number = next(numbers, None)
            if number is None:
                return
            began = time.perf_counter()
            answers[number] = _post(port, bodies[number], number)
            taken[number] = time.perf_counter() - began

    workers = [threading.Thread(target=send) for _ in range(senders)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return taken, answers


def _post(port: int, body: bytes, number: int) -> int:
    signed = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json", "X-GitHub-Event": "issue_comment", "X-GitHub-Delivery": f"bench-{number}",
        "X-Hub-Signature-256": signed,
    }  # fmt: skip
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/hooks/burst", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def _all_run(db: Path, count: int) -> bool:
    there = ask(db, "SELECT count(*) FROM delivery WHERE handled IS NOT NULL")
    return int(there[0][0]) >= count


def _open(db: Path) -> int:
    """Deliveries whose run is not over."""
    return int(ask(db, "SELECT count(*) FROM delivery WHERE handled IS NULL")[0][0])


def resident(pid: int) -> float:
    return _status(pid, "VmRSS:")


def peak(pid: int) -> float:
    return _status(pid, "VmHWM:")


def _status(pid: int, name: str) -> float:
    """MB; NaN where the system does not say it so."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), float("nan"))


def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
