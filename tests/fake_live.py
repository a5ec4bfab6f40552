"""A store for tests of the window: the real signals, told by hand. Sessions are what a test says they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

from PySide6.QtCore import QObject, Signal

from store.delta import Delta, Header, SessionsDelta
from store.errors import StoreError
from store.items import Item, Message, Prompt
from store.text import Text


def items(count: int, first: int = 0) -> tuple[Item, ...]:
    """Prompts and answers in turn, a few lines each."""
    return tuple(
        Prompt(id=f"i{n}", text=f"question {n}") if n % 2 else Message(id=f"i{n}", text=Text(f"answer {n}\n\n" * 3))
        for n in range(first, first + count)
    )


class FakeLive(QObject):
    """Has what the window uses of store.live.Live."""

    changed = Signal(object)
    sessions = Signal(object)
    finished = Signal(str, object)
    progress = Signal(str, int, int)
    question = Signal(str, object)
    ticked = Signal(int)
    figured = Signal(object)
    ran = Signal(str, object)
    forked = Signal(str, str, str)
    unforked = Signal(str, str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.hub = SimpleNamespace(folded=0, pending=False, unknown={}, sessions={})
        self.told: list[Callable[[Delta], None]] = []
        self.changed.connect(lambda delta: [told(delta) for told in self.told])
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.stopped: list[str] = []
        self.running: list[str] = []
        self.roots: list[list[str]] = []
        self.drained: list[str | None] = []
        self.records: dict[str, list[tuple[str, int, bytes]]] = {}
        self.refuse = ""
        self.answers: list[tuple[str, str, str]] = []
        self.can_answer = False
        self.ended = 0

    def tell(self, key: str, *, added: int = 0, first: int = 0, **header: object) -> None:
        """One tick's news of a session."""
        head = Header(**header) if header else None  # type: ignore[arg-type]
        self.changed.emit(Delta(key, first=first, added=items(added, first), header=head))

    def list(self, *delta: object, **more: object) -> None:
        self.sessions.emit(SessionsDelta(*delta, **more))  # type: ignore[arg-type]

    def open(self, path: str) -> str:
        if self.refuse:
            raise StoreError(self.refuse)
        self.opened.append(path)
        return path

    def close(self, key: str) -> None:
        self.closed.append(key)

    def answer(self, key: str, rpc: str, option: str) -> bool:
        self.answers.append((key, rpc, option))
        return self.can_answer

    def demo(self, speed: float = 1.0) -> str:
        self.running.append("replay:demo")
        return "replay:demo"

    def run(self, argv: Sequence[str], cwd: str = "") -> str:
        if self.refuse:
            raise StoreError(self.refuse)
        return "run:1"

    def stop(self, key: str) -> None:
        self.stopped.append(key)

    def sweep(self) -> int:
        return 0

    def is_recording(self, key: str) -> bool:
        return False

    def can_send(self, key: str) -> bool:
        return False

    def why_not(self, key: str, header: Header) -> str:
        return "This is a test."

    def busy(self) -> list[str]:
        return self.running

    def figures(self, key: str, have: int = 0, *, keep: bool = True) -> bool:
        return True

    def discover(self, roots: Sequence[str] = ()) -> None:
        self.roots.append([*roots])

    def drain(self, key: str | None = None) -> None:
        self.drained.append(key)

    def raw(self, key: str, item: Item) -> Callable[[], list[tuple[str, int, bytes]]]:
        return lambda: self.records[item.id]

    def shutdown(self) -> None:
        self.ended += 1
