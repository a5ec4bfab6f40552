"""`playhead serve`: receiver, scheduler and runs without a window, until Ctrl-C or SIGTERM. No Qt."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from types import FrameType
from typing import Any, Final

from msgspec import to_builtins

from store import settings as declared
from store.errors import StoreError
from store.paths import config_dir, data_dir
from store.runs import Runs
from store.service import Service
from store.triggers import deliveries, hook_path, list_triggers
from viewer import endings

HELP: str = """\
Receives webhooks, runs what is due by the clock and what files bring, and goes on in each thread's session; without a
window, until Ctrl-C. It listens at once, also where the receiver is switched off in the settings: --host and --port say
where, else receiver.host and receiver.port. What was accepted and not run when it ended is run by the next one."""

HEARS_S: Final = 0.5 if sys.platform == "win32" else None  # there nothing is heard of Ctrl-C by who waits for ever

Lines = Callable[[Iterable[dict[str, Any]]], None]
Print = Callable[[Iterable[str]], None]
Say = Callable[[str], None]


def options(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.formatter_class = HELP, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--host", metavar="ADDRESS", help="listen there instead")
    parser.add_argument("--port", type=_port, metavar="N", help="listen on that port instead; 0 is any free one")
    parser.add_argument("--no-receiver", action="store_true", help="do not listen at all")
    parser.add_argument("--json", action="store_true", help="one JSON object per delivery that is done")


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: 0 to 65535")
    return int(text)


def run(chosen: argparse.Namespace, lines: Lines, print_: Print, say: Say) -> int:
    """See HELP. Raises StoreError when it cannot listen."""
    news, ended = threading.Event(), threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()
        news.set()

    before = {number: signal.signal(number, end) for number in endings.signals()}
    file = config_dir() / "settings.toml"
    sys.setswitchinterval(0.0005)  # an answer does not wait for what a run's output takes
    try:
        with closing(Runs()) as runs:
            service = Service(runs.db, file, runs, news.set)
            if not chosen.no_receiver:
                service.chosen.put(declared.RECEIVER, True)
            if chosen.host is not None:
                service.chosen.put(declared.RECEIVER_HOST, chosen.host)
            if chosen.port is not None:
                service.chosen.put(declared.RECEIVER_PORT, chosen.port)
            try:
                service.start()
                _hello(service, chosen, print_, say)
                _until(service, chosen, news, ended, lines, print_, say)
            finally:
                service.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not chosen.json:
        print_(["Ended."])
    return 0


def _hello(service: Service, chosen: argparse.Namespace, print_: Print, say: Say) -> None:
    status = service.receiver()
    if status.state == "failed":
        raise StoreError(status.reason)
    told = [f"Listening on {status.url}. Ctrl-C ends it."] if status.state == "on" else ["Ctrl-C ends it."]
    if status.open:
        say(f"Others can reach {status.url} as well. Without need, listen on 127.0.0.1 only: --host 127.0.0.1.")
    every = list_triggers(service.db)
    told += [f"  {status.url}{hook_path(one)}  {one.name}" for one in every if hook_path(one) and one.enabled]
    if not every:
        told.append("There are no triggers yet: make one with playhead triggers add.")
    for line in told:
        (say if chosen.json else lambda text: print_([text]))(line)


def _until(
    service: Service, chosen: argparse.Namespace, news: threading.Event, ended: threading.Event, lines: Lines,
    print_: Print, say: Say,
) -> None:  # fmt: skip
    """Say what came of each delivery, in the order in which they are done."""
    told = {one.id for one in deliveries(service.db, limit=1_000) if one.handled is not None}
    while not ended.is_set():
        if not news.wait(HEARS_S):
            continue
        news.clear()
        try:
            found = deliveries(service.db, limit=1_000)
        except StoreError as error:  # a server that is away: what came meanwhile is told with the next news
            say(str(error))
            continue
        done = [one for one in found if one.handled is not None and one.id not in told]
        told = {*sorted(told)[-20_000:], *(one.id for one in done)}
        if chosen.json:
            lines(to_builtins(one) for one in reversed(done))
        elif done:
            print_(f"{one.verdict:<9} {one.thread_key or one.event or '–'}  {one.reason}" for one in reversed(done))


def service_for(runs: Runs) -> Service:
    """One that does only what it is told: for `playhead triggers fire`."""
    return Service(data_dir() / "playhead.db", config_dir() / "settings.toml", runs, quiet=True)
