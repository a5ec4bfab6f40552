"""An ACP agent with nobody there: one session, one prompt, questions answered by a rule, and the end. For `store.runs`.

To who started it, it is a process whose output is the journal of the conversation.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from store.formats.acp_content import failure, options_of
from store.sources.acp import AcpAgent
from store.sources.acp_wire import Asked
from store.sources.process import Closed, Exited, Fact, Killed, Process

KILL: Final = 9  # SIGKILL, which Windows has no name for
MUTE: Final = 2.0  # seconds that an agent may live on after it has closed its output
MODES: Final = ("refuse", "read", "edit", "all")
"""What is allowed without asking, the most cautious first; each allows what those before it do."""
_READ: Final = frozenset({"read", "search", "think"})
_EDIT: Final = _READ | {"edit", "write", "move", "delete"}


def allows(mode: str, kind: str) -> bool:
    """Whether a call of this kind may be made. A kind that is not known may be anything."""
    return mode == "all" or kind in {"read": _READ, "edit": _EDIT}.get(mode, ())


class Headless:
    """See the module. `out` gets the journal, `fact` the end, as those of a `Process` do.

    `load`: the agent's session to go on with; '' begins one. `llm`: '' is the agent's own choice. Raises StoreError
    when there is nothing to start.
    """

    def __init__(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str] | None,
        prompt: str,
        *,
        out: Callable[[bytes], None],
        fact: Callable[[Fact], None],
        load: str = "",
        mode: str = "",
        llm: str = "",
    ) -> None:
        self.ended: Exited | Killed | None = None
        self._fact = fact
        self._over = threading.Event()
        self._stopping = threading.Lock()
        self._agent = _Agent(self, cwd, out, prompt, load, mode or MODES[0], llm)
        self._process = self._agent.begin(argv, env)
        self.pid = self._process.pid

    def stderr(self) -> bytes:
        """The last 64 KB of what it said on stderr."""
        return self._process.stderr()

    def join(self, timeout: float | None = None) -> Exited | Killed | None:
        """Wait for the end; None when the time is over before it."""
        self._over.wait(timeout)
        return self.ended

    def interrupt(self) -> None:
        """Cancel the turn; the end comes with the agent's answer. Before there is a turn: end it."""
        if not self._agent.may_cancel():
            self.leave()

    def terminate(self, grace: float = 2.0) -> bool:
        """End it with all that it started. Blocks until that is done; the agent has its own time to leave."""
        with self._stopping:
            self._agent.stop()
        return self.join(grace) is not None

    def leave(self) -> None:
        """There is nothing more to do. Does not wait: this is called by who reads what the agent says."""
        threading.Thread(target=self.terminate, name="acp-leave", daemon=True).start()

    def over(self, process: Process | None) -> None:
        """The agent is gone, and everything that was said is told."""
        end = None if process is None else process.ended or process.join(2.0)
        self.ended = end or Killed(KILL)  # it was killed, and the system has not said so yet
        self._over.set()
        self._fact(Closed())
        self._fact(self.ended)


class _Agent(AcpAgent):
    """The conversation: what a user would do is done here at once."""

    def __init__(
        self, run: Headless, cwd: Path, out: Callable[[bytes], None], prompt: str, load: str, mode: str, llm: str
    ) -> None:
        super().__init__(cwd, out, self._told, self._go, lambda *_: run.over(self._process), load)
        self._run, self._text, self._mode, self._llm = run, prompt, mode, llm
        self._refusals = 0
        self._done = False
        self._consent.rule = lambda kind: self._may({"run": "execute"}.get(kind, kind))
        self._consent.refusal = f"This run may not do that: its permission mode is {mode}."

    def begin(self, argv: Sequence[str], env: Mapping[str, str] | None) -> Process:
        """Raises StoreError."""
        self._consent.terminals.around = env
        self.start(argv, env)
        process = self._process
        assert process is not None  # noqa: S101  just started
        return process

    def _told(self, trouble: str = "", **_: object) -> None:
        """What a header would show: there is none, so it is a row."""
        if trouble:
            self._wire.note_now({"is": "notice", "kind": "agent_error", "level": "warning", "text": trouble})

    # ---- from the handshake to the answer, on the reader's thread

    def _go(self, on: bool) -> None:
        """The session is open."""
        if not on or self._done:
            return
        if not self._llm:
            self._ask()
        elif self._llm in [id for id, _ in self.chosen.llms]:
            self.choose("model", self._llm, self._answered)
        elif self.chosen.llms:
            names = ", ".join(id for id, _ in self.chosen.llms[:20])
            self._stuck(f"This agent has no model called {self._llm}. It offers {names}.")
        else:
            self._stuck("This agent offers no choice of models: leave the model empty.")

    def _answered(self, error: Any) -> None:
        if error is None:
            self._ask()
        else:
            self._stuck(f"The agent does not take the model {self._llm}: {failure(error)}")

    def _ask(self) -> None:
        self.send(self._text, uuid.uuid4().hex)

    @override
    def _prompted(self, result: Any, error: Any) -> None:
        super()._prompted(result, error)
        self._away()

    @override
    def _stuck(self, why: str, *, gone: bool = False) -> None:
        """As a row, and for who asks what came of it: `gone` makes it a session that is not there any more."""
        note: dict[str, Any] = {"is": "notice", "kind": "agent_error", "level": "error", "text": why}
        self._wire.note_now({**note, "gone": True} if gone else note)
        self._away()

    def _away(self) -> None:
        if self._done:
            return
        self._done = True
        if self._refusals:
            some = "question was" if self._refusals == 1 else "questions were"
            text = f"{self._refusals} {some} refused: the permission mode of this run is {self._mode}."
            self._wire.note_now({"is": "notice", "kind": "info", "level": "warning", "text": text, "refused": True})
        self._run.leave()

    @override
    def _fact(self, fact: Fact) -> None:
        """One that closes its output and lives on would never answer."""
        super()._fact(fact)
        if isinstance(fact, Closed) and not self._done:
            timer = threading.Timer(MUTE, self._mute)
            timer.daemon = True
            timer.start()

    def _mute(self) -> None:
        if self._run.ended is None and not self._done:
            self._stuck("The agent has closed its output without an answer.")

    # ---- questions

    def _may(self, kind: str) -> bool:
        allowed = allows(self._mode, kind)
        self._refusals += not allowed
        return allowed

    @override
    def _permission(self, asked: Asked) -> None:
        """Never what holds for longer than this once: nobody is there who could take it back."""
        options = options_of(asked.params.get("options"))
        if not options:
            super()._permission(asked)
            return
        call = asked.params.get("toolCall")
        kind = call.get("kind") if isinstance(call, dict) else ""
        allowed = self._may(kind if isinstance(kind, str) else "")
        wanted = "allow_once" if allowed else "reject_once"
        chosen = next((one.id for one in options if one.kind == wanted), None)
        self._refusals += allowed and chosen is None
        self._wire.result(asked, {"outcome": {"outcome": "cancelled"} if chosen is None else
                                  {"outcome": "selected", "optionId": chosen}})  # fmt: skip
