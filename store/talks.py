"""Which sessions can be gone on with here, and the runs that do it. Part of `store.feeds`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from store import runs_who
from store.errors import StoreError
from store.hub import Hub
from store.paths import data_dir
from store.runners import way_on

if TYPE_CHECKING:
    from store.attach import Attached
    from store.conversation import Conversation
    from store.delta import Header
    from store.ingest import FileIngest
    from store.preflight import Preflight
    from store.runs import RunResult, Runs
    from store.runs_talk import RunTalk


class Talks:
    """See the module. `file` gives the worker of an open session; `told` hears (session, result) on a run's thread."""

    def __init__(
        self, hub: Hub, file: Callable[[str], FileIngest | None], told: Callable[[str, RunResult], None]
    ) -> None:
        self._hub = hub
        self._file = file
        self._told = told
        self._talks: dict[str, RunTalk] = {}
        self._forks: list[RunTalk] = []  # whose files are not open yet
        self._runs: Runs | None = None
        self._making = threading.Lock()
        self._over = False

    def runs(self) -> Runs:
        """All runs of this process. SQLAlchemy comes in with the first. Raises StoreError after the end."""
        with self._making:
            if self._over:
                raise StoreError("Playhead is being closed: nothing is started any more.")
            if self._runs is None:
                from store.runs import Runs

                self._runs = Runs(data_dir())
            return self._runs

    def sweep(self) -> int:
        """Settle the runs that a killed Playhead has left: how many. A job; blocks."""
        return self.runs().sweep() if runs_who.left(data_dir()) else 0

    def preflight(self, path: Path | None, header: Header) -> Preflight:
        """Look at what going on with a session would meet. A job; blocks for some seconds at most."""
        from store.preflight import Preflight, look

        if path is None:
            return Preflight(header.id, why=way_on(header.agent, header.id, is_file=False)[1])
        return look(self.runs(), path, header)

    def conversation(self, key: str) -> Conversation | None:
        return self._talks.get(key)

    def connect(self, key: str, header: Header, permission: str = "") -> None:
        """Prompts of an open session go to its agent's program from now on. Raises StoreError when there is no way.

        Again: with another permission mode, from the next prompt on.
        """
        talk = self._talks.get(key)
        if talk is not None:
            talk.permit(permission)
            return
        self._talks[key] = self._talk(key, header, permission)
        self._hub.put(key, lambda session: session.connect(on=True))

    def fork(
        self,
        key: str,
        header: Header,
        text: str,
        permission: str,
        files: tuple[Attached, ...],
        opened: Callable[[str], None],
        unmade: Callable[[str], None],
    ) -> None:
        """Go on with a copy of a session: `opened` gets the copy's file, on a run's thread, once it is there.

        If there never is one, `unmade` gets the reason, on such a thread. Raises StoreError.
        """
        from msgspec.structs import replace

        talk = self._talk(key, header, permission)
        talk.target = replace(talk.target, fork=True)
        self._forks = [other for other in self._forks if other.wanted] + [talk]
        talk.fork(text, files, opened, unmade)

    def _talk(self, key: str, header: Header, permission: str) -> RunTalk:
        from store.runs_talk import RunTalk, Target

        ingest = self._file(key)
        runner, why = way_on(header.agent, header.id, ingest is not None)
        if runner is None or ingest is None:
            raise StoreError(why)
        cwd = Path(header.cwd) if header.cwd else Path.home()
        target = Target(runner, header.id, cwd, ingest.path, permission)
        return RunTalk(key, self._hub, self.runs, target, ingest.catch_up, lambda result: self._told(key, result))

    def permission(self, key: str) -> str:
        """What its agent may do from the next prompt on; '' is what the program is set up for."""
        talk = self._talks.get(key)
        return "" if talk is None else talk.target.permission

    def adopt(self, key: str, file: str) -> None:
        """A fork's file is open by that key: its run is this session's now."""
        for talk in self._forks:
            if str(talk.target.file) == file:
                self._forks.remove(talk)
                ingest = self._file(key)
                if ingest is not None:
                    talk.belongs(key, ingest.catch_up, lambda result: self._told(key, result))
                self._talks[key] = talk
                self._hub.put(key, lambda session: session.connect(on=True))
                return

    def busy(self) -> list[str]:
        return [key for key, talk in self._talks.items() if talk.busy]

    def stop(self, key: str) -> bool:
        """Stop the turn of a session. False: it is none of ours."""
        talk = self._talks.get(key)
        if talk is None:
            return False
        talk.cancel()
        return True

    def close(self, key: str) -> None:
        talk = self._talks.pop(key, None)
        if talk is not None:
            talk.close()

    def shutdown(self) -> None:
        """Stop every run; blocks until they are over."""
        for key in list(self._talks):
            self.close(key)
        for fork in self._forks:
            fork.close()
        with self._making:
            self._over, runs = True, self._runs
        if runs is not None:
            runs.close()
