"""A live ACP session for tests, without Qt: the real feeds, a real child process, ticks by hand."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from store.feeds import Feeds
from store.hub import Hub
from store.items import Item, Notice, Raw, Tool
from store.report import rows_of
from store.session import Session
from store.streams import Ended

AGENT = Path(__file__).with_name("acp_agent.py")
PATIENCE = 30.0  # seconds that a busy machine may take


class Talk:
    """One session with the scripted agent."""

    def __init__(
        self,
        script: str,
        cwd: Path,
        load: str = "",
        *,
        files: bool = True,
        database: bool = False,
        agent: Path = AGENT,
        command: Sequence[str] = (),
    ) -> None:
        """`command`: another agent than the scripted one."""
        self.woken = threading.Event()
        self.hub = Hub(self.woken.set)
        self.ended: list[Ended] = []
        self.feeds = Feeds(self.hub, self.ended.append, lambda *_: None, lambda _: None, database=database)
        self.key = self.feeds.acp(command or [sys.executable, str(agent), script], str(cwd), load, files=files)
        stream = self.feeds._streams[self.key]
        assert stream.conversation is not None
        self.agent = stream.conversation
        self.session: Session = self.hub.sessions[self.key]
        [self.journal] = self.feeds.files(self.key)
        self.facts: list[object] = []

    def tick(self) -> None:
        self.hub.flush()
        self.facts += self.hub.facts
        self.hub.facts = []

    def until(self, there: Callable[[], object]) -> None:
        """Tick until something is so."""
        end = time.monotonic() + PATIENCE
        while not there():
            rows = "\n".join(map(repr, self.rows()))[-3000:]
            assert time.monotonic() < end, f"never came: {self.session.header}\n{rows}"
            self.woken.wait(0.02)
            self.woken.clear()
            self.tick()

    def ready(self) -> Talk:
        self.until(lambda: self.session.connected)
        return self

    def prompt(self, text: str = "Go", id: str = "p1") -> None:
        assert self.agent.send(text, id)
        self.until(lambda: id in self.session.state.recent)

    def idle(self) -> None:
        self.until(lambda: not self.session.header.pending)

    def rows(self) -> list[Item]:
        return [item for _, item in sorted(self.session.state.recent.values(), key=lambda pair: pair[0])]

    def tools(self) -> list[Tool]:
        return [item for item in self.rows() if isinstance(item, Tool)]

    def asking(self) -> list[Tool]:
        return [tool for tool in self.tools() if tool.status == "waiting"]

    def question(self) -> Tool:
        """The next question."""
        self.until(self.asking)
        return self.asking()[0]

    def answer(self, option: str) -> Tool:
        """Answer the next question, and wait until that is seen."""
        asked = self.question()
        self.agent.answer(asked.rpc, option)
        self.until(lambda: asked.id not in [tool.id for tool in self.asking()])
        return asked

    def notices(self) -> list[str]:
        return [item.text for item in self.rows() if isinstance(item, Notice)]

    def raw(self) -> list[Raw]:
        return [item for item in self.rows() if isinstance(item, Raw)]

    def said(self) -> str:
        return "\n".join(str(item.text) for item in self.rows() if type(item).__name__ == "Message")

    def stop(self) -> None:
        self.feeds.stop(self.key)
        self.until(lambda: self.ended)

    def again(self) -> list[Item]:
        """The rows of its journal, read as a file."""
        items, _ = rows_of(self.journal)
        return list(items)


@contextmanager
def talking(
    script: str,
    cwd: Path,
    load: str = "",
    *,
    files: bool = True,
    database: bool = False,
    agent: Path = AGENT,
) -> Iterator[Talk]:
    talk = Talk(script, cwd, load, files=files, database=database, agent=agent)
    try:
        yield talk
    finally:
        talk.feeds.shutdown()
