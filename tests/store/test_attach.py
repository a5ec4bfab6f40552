"""Files that go with a prompt: what can, in which form, and what becomes of one that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from acp_kit import talking

from store import attach
from store.attach import Attached
from store.errors import StoreError
from store.items import Notice, Prompt
from store.runners import runners
from store.runners.base import YES, Abilities, Ability
from store.told import Queued

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
ALL = 'CAPS["promptCapabilities"] = {"image": True, "embeddedContext": True}\n'
ECHO = """
def on_prompt(message):
    for block in message["params"]["prompt"]:
        kept = {key: value if len(str(value)) < 200 else len(value) for key, value in block.items()}
        say(json.dumps(kept) + "\\n")
    done(message)
"""
NONE = Abilities(resume=YES, fork=YES, compact=YES, permissions=YES, live=YES)
EVERY = Abilities(resume=YES, fork=YES, compact=YES, permissions=YES, live=YES, images=YES, texts=Ability(True))


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Attached]:
    """An image, a text with a name that no URI has as it is, and bytes."""
    files = {"shot.png": PNG, "notes & more.md": "naïve\n".encode(), "core.bin": b"\0\1\2"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return {name: attach.look(str(tmp_path / name)) for name in files}


def test_what_a_file_is(tmp_path: Path, given: dict[str, Attached]) -> None:
    assert [file.mime for file in given.values()] == ["image/png", "text/plain", ""]
    cut = tmp_path / "cut.txt"
    cut.write_text("é" * 4000)  # its head ends in the middle of a letter
    assert attach.look(str(cut)).mime == "text/plain"
    os.mkfifo(tmp_path / "pipe")
    for path, why in ((tmp_path, "is a folder"), (tmp_path / "none", "not there"), (tmp_path / "pipe", "is no file"),
                      (tmp_path / "a\nb", "signs that cannot")):  # fmt: skip
        with pytest.raises(StoreError, match=why):
            attach.look(str(path))


def test_the_form_is_what_the_agent_can_take(given: dict[str, Attached]) -> None:
    image, text, data = given.values()
    assert [attach.form(file, EVERY)[0] for file in (image, text, data)] == ["image", "text", "link"]
    assert [attach.form(file, NONE)[0] for file in (image, text, data)] == ["link", "link", "link"]
    large = Attached("/x/large.png", "large.png", attach.IMAGE + 1, "image/png")
    assert attach.form(large, EVERY) == ("link", "An image may have 5 MB, and this one has 5.0 MB.")
    pasted = Attached("/x/p.png", "Pasted image.png", 10, "image/png", pasted=True)
    assert attach.form(pasted, EVERY)[0] == "image"
    assert attach.form(pasted, NONE)[0] is None
    assert attach.refused([pasted], NONE).startswith("Pasted image.png cannot be sent. It takes no images")
    assert "20 MB together" in attach.refused(
        [Attached(f"/{n}", "a", attach.IMAGE, "image/png") for n in range(5)], EVERY
    )
    assert attach.refused([data] * 21, EVERY) == "20 files may go with a prompt, and these are 21."


def test_only_who_can_take_images_gets_any() -> None:
    assert [one.name for one in runners() if one.abilities.images.ok] == ["claude-code"]


def test_an_agent_gets_blocks_and_the_row_shows_them(tmp_path: Path, given: dict[str, Attached]) -> None:
    """004-09: sending, echo and the journal read again show the same prompt; a file's text is nobody's words."""
    files = tuple(given.values())
    with talking(ALL + ECHO, tmp_path) as talk:
        talk.ready()
        shown = talk.agent.shown("Look", files)
        talk.session.sent(Queued("p1", "Look", files=files), None, shown)
        before = talk.rows()[-1]
        assert talk.agent.send("Look", "p1", files)
        assert talk.agent.busy
        assert not talk.agent.send("Too early", "p2")
        talk.until(lambda: "core.bin" in talk.said())
        talk.idle()
        prompt, beside = talk.rows()[:2]
        assert isinstance(prompt, Prompt)
        assert isinstance(before, Prompt)
        assert (prompt.text, prompt.images, prompt.sending) == (before.text, before.images, False)
        assert prompt.text.split("\n")[0] == "Look"
        assert [line.split("](")[0] for line in prompt.text.split("\n")[1:]] == [f"[{name}" for name in given]
        assert isinstance(beside, Prompt)
        assert (beside.origin, beside.text.split("\n")[1]) == ("injected", "naïve")
        said = talk.said().split("\n")
        assert '"type": "text", "text": "Look"' in said[0]
        assert '"type": "image"' in said[1]
        assert '"mimeType": "image/png"' in said[1]
        assert '"text": "na\\u00efve\\n"' in said[2]
        assert '"type": "resource_link"' in said[3]
        assert '"size": 3' in said[3]
        talk.stop()
        again = [row for row in talk.again() if not isinstance(row, Notice)]
        live = [row for row in talk.rows() if not isinstance(row, Notice)]
        assert [(row.turn, row.spans, getattr(row, "text", "")) for row in again] == [
            (row.turn, row.spans, getattr(row, "text", "")) for row in live
        ]


def test_an_agent_that_takes_no_images_is_told_where_they_lie(tmp_path: Path, given: dict[str, Attached]) -> None:
    image = given["shot.png"]
    with talking(ECHO, tmp_path) as talk:
        talk.ready()
        with pytest.raises(StoreError, match="This agent takes no images"):
            talk.agent.send("Look", "p0", [Attached(image.path, "Pasted image.png", 9, "image/png", pasted=True)])
        assert talk.agent.send("", "p1", [image])
        talk.until(lambda: "resource_link" in talk.said())
        assert '"text": ""' not in talk.said()
        talk.idle()


def test_a_file_that_is_gone_keeps_the_prompt(tmp_path: Path, given: dict[str, Attached]) -> None:
    """004-11: it is first in the queue again, with its files and the reason, and nothing was said to the agent."""
    image = given["shot.png"]
    with talking(ALL + ECHO, tmp_path) as talk:
        talk.ready()
        Path(image.path).unlink()
        talk.session.sent(Queued("p1", "Look", files=(image,)), None, talk.agent.shown("Look", [image]))
        assert talk.agent.send("Look", "p1", [image])
        talk.until(lambda: talk.session.queue)
        [queued] = talk.session.queue
        assert (queued.text, queued.files) == ("Look", (image,))
        assert queued.trouble == "shot.png is not there (any more): remove it, or put it back."
        assert not talk.rows()
        assert not talk.agent.busy
        Path(image.path).write_bytes(b"no image at all")
        with pytest.raises(StoreError, match="no such image any more"):
            attach.read(image)
        talk.prompt("Without it", "p2")
        talk.idle()
        talk.stop()
        assert "session/prompt" in talk.journal.read_text()
        assert "Look" not in talk.journal.read_text()


def test_pasted_images_stay_while_a_draft_names_them() -> None:
    first, second = attach.keep(PNG), attach.keep(PNG + b"2")
    assert attach.keep(PNG) == first
    assert attach.read(first) == PNG
    later = Path(first.path).stat().st_mtime + attach.KEPT + 60
    assert attach.sweep([first], Path(first.path).stat().st_mtime + 60) == 0
    assert attach.sweep([first], later) == 1
    assert Path(first.path).exists()
    assert not Path(second.path).exists()
