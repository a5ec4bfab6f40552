"""What the composer does: which session it is for, what is sent how, what waits. Made by the window, once.

Nothing here blocks: looks and terminals are jobs, prompts go through the store's queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from store.delta import Header
from store.errors import StoreError
from viewer import tips
from viewer.composer.attaching import Attaching
from viewer.composer.drafts import NOTHING, Drafts, Typed
from viewer.composer.pane import INVITE, ComposerPane
from viewer.composer.sending import sending
from viewer.jobs import Job, Jobs

if TYPE_CHECKING:
    from store.live import Live
    from store.preflight import Preflight

OFFER: Final = 300  # ms until a session that is shown is asked whether it can be gone on with: it is painted before


class Composing(Attaching):
    """See the module. `said` has sentences for the user."""

    said = Signal(str)
    begun = Signal(str)  # the key of a session that goes on with this one
    fork_opened = Signal(str)  # the file of a fork that was begun here

    def __init__(
        self, live: Live, jobs: Jobs, pane: ComposerPane, back: QWidget, drafts: Drafts, parent: QObject
    ) -> None:
        """`back`: what has the focus again when the composer is left."""
        super().__init__(live, jobs, drafts, parent)
        self.pane = pane
        self._back = back
        self.key = ""
        self.header: Header | None = None
        self._why = ""
        self._wired = False
        self._job: Job | None = None
        self._looks: dict[str, Preflight] = {}  # what was found of sessions that are gone on with here
        self._opened: set[str] = set()  # sessions whose composer is open
        self._offering = QTimer(self)
        self._offering.setSingleShot(True)
        self._offering.timeout.connect(self._offer)
        pane.open_wanted.connect(self.open)
        pane.close_wanted.connect(self.on_left)
        pane.send_wanted.connect(self.send)
        pane.stop_wanted.connect(self.on_stop)
        live.forked.connect(self.on_forked)
        live.unforked.connect(self.on_unforked)

    # ---- which session

    def show_session(self, key: str, header: Header | None) -> None:
        """Another session is in the timeline; '' is none."""
        if key == self.key:
            return
        self.leave()
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self.key, self.header, self._why, self.unattached = key, header, "", ""
        if self.pane.made:
            self.come_back()
            self._show_look()
        self.pane.close_up()
        self.pane.show_offer(self._invitation(), "")
        if key:
            self._offering.start(OFFER)
            if key in self._opened:
                self.open(focus=False)
            self.update()

    def _show_look(self) -> None:
        """What was found of the session, if it is gone on with here: what its agent may do can still be chosen."""
        strip = self.pane.strip
        strip.permission = self._live.permission(self.key) if self.connected else ""
        told = self._looks.get(self.key) if self.connected else None
        if told is None:
            strip.show_looking()
        else:
            strip.show_preflight(told)

    @override
    def forget(self, key: str) -> None:
        super().forget(key)
        self._looks.pop(key, None)
        self._opened.discard(key)

    def on_headed(self, key: str, header: Header) -> None:
        if key == self.key:
            old = self.header or header
            if (old.queued, old.pending) != (header.queued, header.pending):
                self.soon()
            which, was = (header.agent, header.id, header.partial), (old.agent, old.id, old.partial)
            changed = self.header is None or which != was
            self.header = header
            if changed:
                self._offering.start(OFFER)
            ended = self.pane.opened and self.pane.strip.told is None and self._job is None
            if ((changed and self.pane.opened) or ended) and not self.connected:
                self.look()
            self.update()

    # ---- what it offers

    def _offer(self) -> None:
        if not self.key or self.header is None:
            return
        key, header = self.key, self.header
        if not self.drafts.read:
            self._jobs.run(self.drafts.reader(), self._on_drafts)
        if self.connected:
            self._offered(key, "")
        else:  # the first asks for every runner there is
            self._jobs.run(lambda: self._live.why_not(key, header), lambda why: self._offered(key, why))

    def _on_drafts(self, found: dict[str, Typed]) -> None:
        self.drafts.take(found)
        self.update()

    def _offered(self, key: str, why: str) -> None:
        if key == self.key and why != self._why:
            self._why = why
            self.update()

    @property
    @override
    def connected(self) -> bool:
        """Prompts of this session have somewhere to go already."""
        return bool(self.key) and self._live.can_send(self.key)

    def _invitation(self) -> str:
        typed = self.drafts.typed(self.key) if self.key and self.drafts.read else NOTHING
        draft = " ".join(typed.text[:200].split()) or ", ".join(file.name for file in typed.files)
        return f"Draft: {draft}" if draft else INVITE

    @override
    def update(self) -> None:
        """Show what is so now."""
        header = self.header or Header()
        why = "" if self.connected else self._why
        self.pane.show_offer(why or self._invitation(), why)
        self.pane.show_working(header.pending and self.connected)
        if not self.pane.opened:
            return
        if self.connected:
            self.pane.strip.show_small(small=True)
        self.pane.files.show_able(self.abilities())
        choices = self._live.choices(self.key) if self.connected else ()
        for chooser in self.pane.choosers:
            chooser.show_header(choices, header)
        self.pane.waiting.show_waiting(header.queued)
        self.pane.editor.setPlaceholderText("Write the next prompt" if self.connected else "Go on with this session")
        self._hint(header)

    def _hint(self, header: Header) -> None:
        pane, told = self.pane, self.pane.strip.told
        now = sending(header, told, pane.strip.way, connected=self.connected, editing=bool(self._editing))
        why = self.why_not_sent()
        if now.able and why:
            now = now._replace(able=False, text=why, failed=True)
        elif self.unattached:
            now = now._replace(text=self.unattached, failed=True)
        pane.send.setText(now.label)
        pane.send.setEnabled(now.able)
        why = why or (told.why if told is not None else "")
        pane.send.setToolTip(f"{now.label} (Ctrl+Enter)" if now.able else tips.plain(why))
        pane.show_hint(now.text, failed=now.failed)
        pane.show_keys(*now.keys)

    # ---- opening and leaving

    @override
    def open(self, *, focus: bool = True) -> None:
        """Show the composer, and look whether the session can be gone on with."""
        if not self.key or (self._why and not self.connected):
            return
        self.pane.open()
        self._wire()
        self._opened.add(self.key)
        if focus:
            self.pane.editor.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if not self.connected:
            self.pane.strip.show()
            self.look()
        elif self.pane.strip.told is None and self._live.feeds.is_file(self.key):
            self.look()
        self.update()

    def _wire(self) -> None:
        if self._wired:
            return
        self._wired = True
        pane = self.pane
        self.show_typed(self.drafts.typed(self.key))
        pane.editor.moveCursor(pane.editor.textCursor().MoveOperation.End)
        pane.editor.textChanged.connect(self.soon)
        pane.editor.upwards.connect(self.on_upwards)
        self.wire_files()
        for chooser in pane.choosers:
            chooser.chosen.connect(lambda category, id: self._live.choose(self.key, category, id))
        pane.strip.chosen.connect(self.on_chosen)
        pane.strip.copy_wanted.connect(self.on_copy)
        pane.strip.terminal_wanted.connect(self.on_terminal)
        pane.strip.again_wanted.connect(self.look)
        pane.waiting.list.edit_wanted.connect(self.edit)
        pane.waiting.list.remove_wanted.connect(self.remove)
        pane.waiting.list.move_wanted.connect(self.move)

    def on_chosen(self) -> None:
        """Where it goes on, or what the agent may do: from the next prompt on."""
        if self.connected and self.header is not None and self.pane.strip.told is not None:
            self._live.connect_to(self.key, self.header, self.pane.strip.permission)
        self.update()

    def on_left(self) -> None:
        """Esc: first out of the prompt that is edited, then back to the transcript."""
        if self._editing:
            self._end_edit()
            self.update()
            return
        self.keep()
        self._opened.discard(self.key)
        header = self.header or Header()
        if not header.queued:
            self.pane.close_up()
        self.pane.show_offer(self._why or self._invitation(), self._why)
        self._back.setFocus(Qt.FocusReason.OtherFocusReason)

    def look(self) -> None:
        """Look at everything that going on would meet."""
        if self.header is None:
            return
        key = self.key
        if self._job is not None:
            self._job.cancel()
        if self.pane.strip.told is None or self.pane.strip.told.session != self.header.id:
            self.pane.strip.show_looking()

        def done(told: Preflight) -> None:
            self._job = None
            if key == self.key:
                self._looks[key] = told
                if self.connected:
                    self.pane.strip.permission = self._live.permission(key)
                self.pane.strip.show_preflight(told)
                self.update()

        def failed(error: Exception) -> None:
            self._job = None
            if key == self.key and not self.connected:
                self.pane.strip.show_trouble(f"This session could not be looked at: {error}")
                self.update()

        self._job = self._jobs.run(self._live.preflight(key, self.header), done, failed)

    # ---- sending

    def send(self) -> None:
        """What the button says: send, queue, save what was edited, fork, or go on with what waits."""
        pane, header = self.pane, self.header
        if header is None or not pane.opened:
            return
        typed = Typed(pane.editor.toPlainText().strip(), pane.files.files)
        text, files = typed.text, typed.files
        if self._editing:
            if typed and pane.send.isEnabled():
                id, self._editing = self._editing, ""
                self.show_typed(self._aside)
                self._live.change(self.key, lambda session: session.edit(id, text, files))
            self.update()
            return
        if not typed and not (self.connected and header.queued):
            return
        if not pane.send.isEnabled():
            return
        if not self.connected:
            way = pane.strip.way
            try:
                if way == "fork":
                    self._live.fork(self.key, header, text, pane.strip.permission, files)
                    self._forking.append((self.key, typed))
                    self._sent()
                    pane.show_hint("The fork is being made…")
                    return
                if pane.strip.told is not None and pane.strip.told.again is not None:
                    new = self._live.load_again(pane.strip.told.again, self.key, text, files)
                    self._sent()
                    self._opened.add(new)
                    self.begun.emit(new)
                    return
                self._live.connect_to(self.key, header, pane.strip.permission)
            except StoreError as error:
                pane.show_hint(str(error), failed=True)
                return
        if typed:
            self._live.prompt(self.key, text, files)
            self._sent()
        if not header.pending:  # what failed or was held back is tried again
            self._live.change(self.key, lambda session: session.go_on())
        self.update()

    def _sent(self) -> None:
        self.unattached = ""
        self.show_typed(NOTHING)
        self.drafts.put(self.key, "")

    def on_stop(self) -> None:
        key = self.key
        self._jobs.run(lambda: self._live.stop(key), lambda _: None)

    # ---- other ways on

    def on_copy(self) -> None:
        if command := self._command():
            QGuiApplication.clipboard().setText(command)
            self.said.emit("Command copied.")

    def on_terminal(self) -> None:
        command = self._command()
        if not command:
            return
        from viewer.composer.terminal import open_terminal

        self._jobs.run(
            lambda: open_terminal(command),
            lambda _: self.said.emit("Opened in your terminal."),
            lambda error: self.pane.show_hint(str(error), failed=True),
        )

    def _command(self) -> str:
        told = self.pane.strip.told
        if told is None:
            return ""
        return told.fork_command if self.pane.strip.way == "fork" and told.fork_command else told.command

    # ---- told

    def on_forked(self, key: str, text: str, file: str) -> None:
        """A fork's file is there: the window shows it, and its run is that session's."""
        self._forked(key, text)
        self._opened.add(file)
        self.fork_opened.emit(file)

    def _forked(self, key: str, text: str) -> Typed:
        """The prompt of a fork that has come to its end, one way or the other."""
        typed = next((typed for source, typed in self._forking if (source, typed.text) == (key, text)), Typed(text))
        if (key, typed) in self._forking:
            self._forking.remove((key, typed))
        return typed

    def on_unforked(self, key: str, text: str, why: str) -> None:
        """There is no fork: its prompt is in the editor again, or with the draft of its session."""
        typed = self._forked(key, text)
        if key == self.key and self.pane.made and not self._editing:
            self.keep()
        whole = typed.then(self.drafts.typed(key))
        self.drafts.put(key, whole.text, whole.files)
        self.soon()
        if key == self.key and self.pane.made and not self._editing:
            self.show_typed(whole)
            self.update()
            self.pane.show_hint(f"The fork was not made: {why}", failed=True)
        else:
            if self._editing and key == self.key:
                self._aside = whole
            self.said.emit(f"The fork was not made: {why}")
