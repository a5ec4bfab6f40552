"""Everything that feeds the hub: opened files, streams and processes, and the search for sessions. No Qt.

`store.live` wraps this for the window; commands and tests use it as it is. All methods belong to one thread.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from store.delta import Header, SessionsDelta
from store.errors import StoreError
from store.hub import Hub
from store.ingest import FileIngest
from store.items import Item, Span
from store.paths import data_dir
from store.session import Session
from store.sources import views
from store.sources.watch import Watcher

# What only streams and the list need is imported where it is used: a session file is on the screen before that.
if TYPE_CHECKING:
    from store.conversation import Conversation
    from store.formats.base import Format
    from store.insight_hand import InsightHand
    from store.insight_talk import Told
    from store.recorder import Recorder
    from store.runs import RunResult
    from store.sources.discover import Discovery
    from store.sources.journal import Journal
    from store.streams import Ended, Stream
    from store.talks import Talks
    from store.told import Started

MOST_RAW: Final = 256 << 20  # bytes of source that the raw view of one row may read


class Feeds:
    """See the module. `told` hears the ends of streams, `progress` (session, done, total) of imports, `listed` the
    list, `figured` the answers to `figures`, `ran` (session, result) the ends of runs; all on worker threads.
    """

    def __init__(
        self,
        hub: Hub,
        told: Callable[[Ended], None],
        progress: Callable[[str, int, int], None],
        listed: Callable[[SessionsDelta], None],
        *,
        started: Callable[[Started], None] = lambda _: None,
        figured: Callable[[Told], None] = lambda _: None,
        ran: Callable[[str, RunResult], None] = lambda _key, _result: None,
        database: bool = True,
    ) -> None:
        self.hub = hub
        self.watcher = Watcher()
        self.recorder: Recorder | None = None  # made with the first stream
        self._started = started
        self._figured = figured
        self._insights: InsightHand | None = None  # made with the first question
        self._told = told
        self._progress = progress
        self._listed = listed
        self._database = database
        self._files: dict[str, FileIngest] = {}
        self._streams: dict[str, Stream] = {}
        self._ending: list[threading.Thread] = []  # streams that were closed: their processes get time to end
        self._discovery: Discovery | None = None
        self._numbers = itertools.count(1)
        self._making = threading.Lock()
        self._ran = ran
        self._talks: Talks | None = None  # made with the first session that is gone on with

    # ---- files

    def open(self, path: str) -> str:
        """Read a session file and follow it; again is the same. Trouble is told in the session's header."""
        whole = Path(path).expanduser().absolute()
        key = str(whole)
        if key not in self._files:
            self.hub.sessions[key] = Session(key, Header(state="opening"))
            ingest = FileIngest(key, whole, self.hub, self.watcher, self._progress, database=self._database)
            self._files[key] = ingest
            ingest.start()
        return key

    # ---- streams

    def _stream(
        self, name: str, journal: Journal | None, hint: Path | None = None, format: Format | None = None
    ) -> Stream:
        from store.streams import Stream

        key = journal.key if journal is not None else f"{name}:{next(self._numbers)}"
        saved = journal is not None and self._database
        header = Header(state="running", title=name, started=None, draft=saved)
        self.hub.sessions[key] = Session(key, header)
        stream = Stream(key, self.hub, self._told, journal, hint, format)
        if saved:
            if self.recorder is None:
                from store.recorder import Recorder

                self.recorder = Recorder(data_dir() / "playhead.db", self._started, self._fold)
                self.hub.flushed = self.recorder.tick
            stream.recorder = self.recorder
        self._streams[key] = stream
        return stream

    def _journal(self, name: str, origin: str, argv: Sequence[str] = (), cwd: Path | None = None) -> Journal | None:
        from store.sources.journal import Journal, folder

        try:
            return Journal(folder(data_dir()), name, argv, cwd, self._trouble, origin)
        except StoreError as error:
            self._trouble(str(error))
            return None

    def _trouble(self, why: str) -> None:
        for stream in list(self._streams.values()):
            if stream.journal is None or stream.alive:
                stream.say(trouble=why)

    def stdin(self, fd: int = 0) -> str:
        """Follow our own standard input."""
        from store.sources.stdin import Stdin

        stream = self._stream("standard input", self._journal("stdin", "stdin"))
        source = Stdin(stream.take, lambda why: stream.end(why or "end of input", not why), fd)
        stream.stop_source = source.stop
        source.start()
        return stream.key

    def run(self, argv: Sequence[str], cwd: str = "", title: str = "") -> str:
        """Start a command in a process group of its own and follow its output. Raises StoreError if it cannot start.

        A title that cannot be is dropped, and the session's header says so.
        """
        import shlex

        from store.streams import Run

        where = Path(cwd) if cwd else Path.cwd()
        name = Path(argv[0]).name if argv else "run"
        journal = self._journal(name, "run", argv, where)
        stream = self._stream(shlex.join(argv), journal)
        stream.say(cwd=str(where))

        if title:
            try:
                stream.rename(title)
            except StoreError as error:
                stream.say(trouble=str(error))
        life = Run(stream)
        try:
            life.start(argv, where)
        except StoreError as error:
            stream.end(str(error), ok=False)
            raise
        stream.stop_source = life.stop
        stream.ask_source = life.interrupt
        return stream.key

    def acp(self, argv: Sequence[str], cwd: str = "", load: str = "", *, files: bool = True, parent: str = "") -> str:
        """Start an agent and talk to it by the Agent Client Protocol, in a new session or in the one of id `load`.

        `files`: it is offered that we read and write files for it. `parent`: key of the session that this one comes
        after. Raises StoreError if it cannot start.
        """
        from store import acp

        where = Path(cwd).expanduser().absolute() if cwd else Path.cwd()
        acp.check(argv, where)
        journal = self._journal(Path(argv[0]).name, "acp", argv, where)
        if journal is not None and parent:
            journal.note(parent=parent)
        stream = self._stream(acp.title(argv), journal, None, acp.FORMAT)
        acp.begin(stream, argv, where, load, files)
        return stream.key

    def replay(self, path: str | Path, speed: float = 1.0, title: str = "") -> str:
        """Play a recording through the whole pipe, at its own pace or faster; 0 is at once."""
        from store.sources.replay import Replay

        source_path = Path(path)
        stream = self._stream(title or source_path.name, None, source_path)

        def ended(why: str) -> None:
            stream.end(why or "end of the recording", not why)

        replay = Replay(source_path, stream.take, ended, speed=speed)
        stream.stop_source = replay.stop
        replay.start()
        return stream.key

    def demo(self, speed: float = 1.0) -> str:
        """The recording that comes with Playhead."""
        import resources

        return self.replay(resources.path("demo/demo.timed.jsonl"), speed, "Demo: fix the flaky retry test")

    # ---- figures

    def figures(self, key: str, have: int = 0, *, keep: bool = True) -> bool:
        """Have the figures of an open session made; the answer goes to `figured`. False: nothing is open by that name.

        `have`: turns that were told before. `keep`: what the database does not have of a file is taken in.
        """
        from store.insight_hand import Question
        from store.insight_talk import FOLLOW, KEEP, READ, Order

        ingest, stream = self._files.get(key), self._streams.get(key)
        if ingest is not None:
            how = KEEP if keep and self._database else READ
            question = Question(Order(key, os.fsencode(ingest.path), how, have))
        elif stream is None:
            return False
        elif stream.journal is not None:
            how = FOLLOW if stream.recorder is not None else READ
            question = Question(Order(key, os.fsencode(stream.journal.path), how, have))
        else:
            data, name = stream.whole()
            question = Question(Order(key, b"", READ, have), data, name, not stream.alive)
        self._hand().ask(question)
        return True

    def _fold(self, key: str, journal: Path) -> None:
        """The digest of a stream is due. On the recorder's thread."""
        from store.insight_hand import Question
        from store.insight_talk import FOLD, Order

        self._hand().ask(Question(Order(f"{FOLD}:{key}", os.fsencode(journal), FOLD)))

    def _hand(self) -> InsightHand:
        from store.insight_hand import InsightHand

        with self._making:
            if self._insights is None:
                self._insights = InsightHand(data_dir() / "playhead.db", self._figured)
            return self._insights

    # ---- the list of sessions

    def discover(self, extra: Sequence[str] = ()) -> None:
        """Look for sessions, newest first, and go on watching for them. Called again, with other roots."""
        from store.catalog import Catalog
        from store.sources.discover import Discovery, roots
        from store.sources.journal import folder

        if self._discovery is not None:
            self._discovery.stop()
        journals, given = folder(data_dir()), [Path(path) for path in extra]
        cache = Catalog() if self._database else None
        self._discovery = Discovery(lambda: [*roots(given), journals], self.watcher, self._listed, cache=cache)
        self._discovery.start()

    # ---- all of them

    @property
    def talks(self) -> Talks:
        """Sessions that are gone on with here."""
        if self._talks is None:
            from store.talks import Talks

            self._talks = Talks(self.hub, self._files.get, self._ran)
        return self._talks

    def is_file(self, key: str) -> bool:
        """Whether that open session is read from a file."""
        return key in self._files

    def path_of(self, key: str) -> Path | None:
        """The file that an open session is read from, or the journal of a stream that is over."""
        ingest, stream = self._files.get(key), self._streams.get(key)
        if ingest is not None:
            return ingest.path
        return stream.journal.path if stream is not None and stream.journal is not None and not stream.alive else None

    def is_recording(self, key: str) -> bool:
        """Whether that open session is a recording that is played."""
        stream = self._streams.get(key)
        return stream is not None and stream.journal is None and stream.ask_source is None

    def conversation(self, key: str) -> Conversation | None:
        """What prompts of a session go to; None: nothing yet, see `talks`."""
        stream = self._streams.get(key)
        if stream is not None:
            return stream.conversation if stream.alive else None
        return None if self._talks is None else self._talks.conversation(key)

    def busy(self) -> list[str]:
        """Sessions whose process is still running: ask before ending them."""
        running = [] if self._talks is None else self._talks.busy()
        return running + [key for key, one in self._streams.items() if one.busy]

    def close(self, key: str) -> None:
        """Stop following a session and forget it here; its file stays as it is."""
        if self._talks is not None:
            self._talks.close(key)
        ingest = self._files.pop(key, None)
        if ingest is not None:
            ingest.stop()
        stream = self._streams.pop(key, None)
        if stream is not None:
            # Whoever ignores the question is given time before the kill: nobody waits for that at a window.
            ending = threading.Thread(target=stream.stop, name=f"ending {key}", daemon=True)
            ending.start()
            self._ending = [thread for thread in self._ending if thread.is_alive()] + [ending]
        self.hub.forget(key)

    def rename(self, key: str, title: str) -> None:
        """Give a stream a title of the user's, before it is saved or after. Raises StoreError."""
        stream = self._streams.get(key)
        if stream is None or not stream.alive:
            raise StoreError("Only a session that runs here can be given a title.")
        stream.rename(title)

    def stop(self, key: str) -> None:
        """End what runs in a session, but keep showing it. Blocks until a process group is gone: use a job."""
        if self._talks is not None and self._talks.stop(key):
            return
        stream = self._streams.get(key)
        if stream is not None and not (stream.conversation is not None and stream.conversation.may_cancel()):
            stream.stop_source()

    def shutdown(self) -> None:
        """End everything: processes with their groups, imports, watches. Nothing is told after this."""
        if self._discovery is not None:
            self._discovery.stop()
        for key in [*self._files, *self._streams]:
            self.close(key)
        for ending in self._ending:
            ending.join()
        if self._talks is not None:
            self._talks.shutdown()
        if self.recorder is not None:
            self.recorder.close()
        if self._insights is not None:
            self._insights.close()
        self.watcher.stop()

    def files(self, key: str) -> list[Path]:
        """The files that the spans of a session's items count."""
        ingest = self._files.get(key)
        if ingest is not None:
            return list(ingest.growth.files)
        stream = self._streams.get(key)
        return [stream.journal.path] if stream is not None and stream.journal is not None else []

    def raw(self, key: str, item: Item) -> Callable[[], list[tuple[str, int, bytes]]]:
        """A job, for a worker, that reads the bytes an item was made of: (file, offset, bytes) each."""
        files = self.files(key)
        stream = self._streams.get(key)
        if stream is not None and stream.journal is not None:
            stream.journal.flush()
        kept = bytes(stream.kept) if stream is not None and stream.kept is not None else None

        def read() -> list[tuple[str, int, bytes]]:
            if kept is not None:
                spans = [(span.offset, span.offset + span.length) for span in item.spans]
                return [("recording", first, kept[first:end]) for first, end in spans]
            return read_spans(files, item.spans)

        return read


def read_spans(files: Sequence[Path], spans: Sequence[Span]) -> list[tuple[str, int, bytes]]:
    """The bytes of spans. Raises StoreError when a file cannot be read (any more)."""
    found = []
    left = MOST_RAW
    for span in spans:
        if not 0 <= span.file < len(files):
            raise StoreError("This row's file is not known any more: open the session again.")
        path = files[span.file]
        try:
            with views.opened(path) as file:
                file.seek(span.offset)
                data = views.read(file, min(span.length, left))
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
        left -= len(data)
        found.append((*views.place(path, span.offset), data))
    return found
