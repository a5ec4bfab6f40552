"""Append-only files of ours for streams that have none of their own: standard input and processes. For `store.ingest`.

A journal holds the bytes exactly as they came, so that it is later read as a session of its format like any other.
Next to it stands NAME.meta.json with what the bytes do not say: the command, its folder, when it began, how it ended.
It is the draft of the session on the disk: whoever saves the session, now or later, saves it with the same columns.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from store.draft import Draft
from store.errors import StoreError
from store.paths import JOURNALS, put

EVERY: Final = 0.25  # seconds between two writes of a busy stream
SOON: Final = 1 << 20  # bytes that are written without waiting for that
AGAIN: Final = 2.0  # seconds until a write that failed is tried again
MOST: Final = 64 << 20  # bytes kept in memory while the disk takes none
META: Final = ".meta.json"
FOLDER: Final = JOURNALS


class Meta(Struct, frozen=True, omit_defaults=True):
    """The sidecar. Times are ISO-8601 UTC; an `ended` that is missing means that we were cut off."""

    name: str
    started: str
    argv: tuple[str, ...] = ()
    cwd: str = ""
    ended: str = ""
    exit: str = ""  # in words: 'ended with exit code 1', 'was killed by SIGTERM'
    lost: int = 0  # bytes that could not be kept
    origin: str = ""  # run, stdin, …
    user: str = ""
    title: str = ""  # as the user calls the session
    parent: str = ""  # key of the session that it goes on from
    config: str = ""  # JSON: what the agent was started with
    system_prompt: str = ""
    spent: int | None = None  # micros that the agent's session had cost before; None: unknown


def folder(data_dir: Path) -> Path:
    """Where journals lie below our data folder."""
    return data_dir / FOLDER


def meta_path(journal: Path) -> Path:
    return journal.with_suffix(META)


def key(journal: Path) -> str:
    """A journal's key in the list of sessions."""
    return f"journal:{journal.stem}"


def read_meta(journal: Path) -> Meta | None:
    """The sidecar of a journal; None when it is missing or damaged."""
    try:
        return msgspec.json.decode(meta_path(journal).read_bytes(), type=Meta)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def title_of(meta: Meta, told: str = "") -> str:
    """What its session is called: what the user says, what the agent told, else what was started."""
    return meta.title or told or " ".join(meta.argv) or ("standard input" if meta.origin == "stdin" else meta.name)


def is_over(path: Path) -> bool:
    """Whether a file is the journal of a stream that has ended, however lately that was."""
    meta = read_meta(path) if path.parent.name == FOLDER else None
    return meta is not None and bool(meta.ended)


def draft_of(path: Path) -> Draft:
    """What is to be saved of a session besides what its file says; of a stream of ours its sidecar tells that."""
    meta = read_meta(path) if path.parent.name == FOLDER else None
    if meta is None:
        return Draft(str(path), "file")
    return Draft(
        str(path), meta.origin, _micros(meta.started), meta.user or None, None, meta.parent, meta.config or None,
        meta.system_prompt or None, meta.title, ended=_micros(meta.ended), end_reason=meta.exit or None,
    )  # fmt: skip


class Journal:
    """One stream's journal. `write` may be called by any thread and never waits for the disk.

    `trouble` is called at most once per kind of trouble, from the writer's thread, with one sentence: the disk is full
    (the stream goes on, what comes is kept in memory and written when there is room), or bytes had to be dropped.
    """

    def __init__(
        self,
        where: Path,
        name: str,
        argv: Sequence[str] = (),
        cwd: Path | None = None,
        trouble: Callable[[str], None] | None = None,
        origin: str = "",
        spent: int | None = None,
    ) -> None:
        now = datetime.now(UTC)
        safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:40] or "stream"
        self.path = where / f"{now:%Y%m%dT%H%M%SZ}-{safe}-{uuid.uuid4().hex[:8]}.jsonl"
        config = msgspec.json.encode({"argv": list(argv)}).decode() if argv else ""
        self._meta = Meta(
            name, _iso(now), tuple(argv), str(cwd or ""), origin=origin, user=_user(), config=config,
            spent=spent,
        )  # fmt: skip
        self._trouble = trouble
        self._told: set[str] = set()
        self._changed = threading.Condition()
        self._noting = threading.Lock()  # what is in the sidecar
        self._pending: list[bytes] = []
        self._size = 0
        self._busy = False
        self._hurry = True  # with the first bytes: who is killed a moment later leaves a session that can be seen
        self._over = False
        self._failed = False
        self._lost = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        try:
            for place in (where.parent, where):  # what agents say is nobody else's business
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(self.path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            raise StoreError(f"{where} takes no journal of this stream: {error.strerror or error}.") from error
        with contextlib.suppress(OSError):  # a full disk: the journal says so with its first bytes
            self._note()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def key(self) -> str:
        """The session's key in the list of sessions."""
        return key(self.path)

    @property
    def lost(self) -> int:
        """Bytes that could not be kept."""
        return self._lost

    def write(self, data: bytes) -> None:
        """Keep these bytes; they are on their way to the file within 250 ms, and the first ones at once."""
        with self._changed:
            if self._over or not data:
                return
            if self._lost or self._size + len(data) > MOST:
                self._lost += len(data)  # a hole in the middle would make lines that never were: all the rest is lost
                return
            self._pending.append(data)
            self._size += len(data)
            if len(self._pending) == 1 or self._size >= SOON:
                self._changed.notify_all()

    def flush(self, timeout: float = 2.0) -> bool:
        """Have everything in the file, for somebody who wants to read it now. False: the disk does not take it."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._failed or not (self._pending or self._busy), timeout) and (
                not self._pending
            )

    def soon(self) -> None:
        """What was written goes to the file at once. Does not wait."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()

    def note(self, **more: str) -> None:
        """Write down what else is known of the session: title, parent, … Raises StoreError."""
        try:
            self._note(**more)
        except OSError as error:
            raise StoreError(f"{meta_path(self.path)} cannot be written: {error.strerror or error}.") from error

    def end(self, how: str = "") -> None:
        """Write what is left, make it safe on the disk, and close. Blocks until that is done; may be called twice.

        A stream that never brought a byte leaves no journal.
        """
        with self._changed:
            if self._over:
                return
            self._over = True
            self._changed.notify_all()
        self._thread.join()
        silent = not self._lost and os.fstat(self._fd).st_size == 0
        try:
            os.fsync(self._fd)
        except OSError as error:
            self._complain("disk", f"{self.path} may be incomplete: {error.strerror or error}.")
        finally:
            os.close(self._fd)
        if silent:
            for left in (self.path, meta_path(self.path)):
                with contextlib.suppress(OSError):
                    left.unlink()
            return
        try:
            self._note(ended=_iso(datetime.now(UTC)), exit=how, lost=self._lost)
        except OSError as error:
            self._complain("disk", f"{meta_path(self.path)} cannot be written: {error.strerror or error}.")

    # ---- the writer

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._over)
                if not self._pending:
                    return
                # Let more come, so that a stream of small pieces does not become a stream of small writes.
                self._changed.wait_for(
                    lambda: self._over or (not self._failed and (self._hurry or self._size >= SOON)),
                    AGAIN if self._failed else EVERY,
                )
                self._hurry = False
                pieces, self._pending = self._pending, []
                self._busy = True
            data = b"".join(pieces)
            done, why = self._append(data)
            with self._changed:
                self._busy = False
                self._failed = bool(why)
                self._size -= done
                if done < len(data):
                    self._pending.insert(0, data[done:])
                last = self._over and bool(why)
                if last:
                    self._lost += self._size
                lost = self._lost
                self._changed.notify_all()
            if why:
                self._complain("disk", f"{self.path} takes no more bytes ({why}). The stream goes on; make room.")
            if lost:
                self._complain("lost", f"{self.path} is incomplete: the disk took no more bytes, and the rest is lost.")
            if last:
                return

    def _append(self, data: bytes) -> tuple[int, str]:
        """How many bytes are in the file now, and why not all of them."""
        view = memoryview(data)
        done = 0
        try:
            while done < len(view):
                done += os.write(self._fd, view[done : done + SOON])
        except OSError as error:
            return done, error.strerror or str(error)
        return done, ""

    def _complain(self, kind: str, why: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            if self._trouble is not None:
                self._trouble(why)

    def _note(self, **more: object) -> None:
        """Never half a sidecar, and nothing of what another thread notes is lost. Raises OSError."""
        with self._noting:
            self._meta = msgspec.structs.replace(self._meta, **more)
            put(meta_path(self.path), msgspec.json.encode(self._meta), private=True)  # a command line may hold a key


def _user() -> str:
    """Who started it; '' where the system does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _micros(iso: str) -> int | None:
    try:
        return round(datetime.fromisoformat(iso).timestamp() * 1_000_000)
    except ValueError:
        return None


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
