"""A bad ACP agent: each thing it does is a row or a notice, what is open ends, and memory has a bound."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from acp_kit import Talk, talking

from store import hub
from store.items import Message, Raw
from store.sources import acp, acp_terminals, acp_wire
from store.sources.acp_files import Folder, RefusedError


def test_broken_lines_are_rows_and_the_session_goes_on(tmp_path: Path) -> None:
    script = r"""
def on_prompt(m):
    raw(b"Debug: starting\n")
    raw(b'{"jsonrpc":"2.0","method":"session/upd\n')
    raw(b"\xff\xfe\x00\n[1,2]\n\n42\n\"text\"\n")
    raw(b'{"jsonrpc":"2.0"}\n{"id":7}\n')
    raw(b'{"jsonrpc":"2.0","method":"session/update","params":7}\n')
    raw(b'{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"sess-1","update":{"sessionUpdate":'
        b'"agent_message_chunk","content":{"type":"text","text":"half \\ud83d and NaN"},"x":NaN}}}\n')
    update("hologram", shape="cube")
    say(" Still here.")
    done(m)
"""
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.idle()
        assert "Debug: starting" in [orjson_text(row) for row in talk.raw()]
        assert len(talk.raw()) == 10
        assert "half" in talk.said()
        assert "Still here." in talk.said()
        talk.stop()
        assert [row.id for row in talk.again()] == [row.id for row in talk.rows()]


def orjson_text(row: Raw) -> str:
    import orjson

    try:
        return str(orjson.loads(row.text).get("text", ""))
    except orjson.JSONDecodeError:
        return row.text


def test_answers_to_nothing_and_second_answers_are_told(tmp_path: Path) -> None:
    script = """
def on_prompt(m):
    send({"id": 999, "result": {}})
    send({"id": "2", "result": {}})
    done(m)
    done(m, "cancelled")
    say("late")
"""
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.until(lambda: talk.said() == "late")
        assert talk.notices() == [
            "The agent answered what nobody asked.", "The agent answered what nobody asked.",
            "The agent answered a request a second time.",
        ]  # fmt: skip
        assert not talk.session.header.pending


def test_the_same_id_twice_is_two_questions(tmp_path: Path) -> None:
    """Ids may be numbers or texts, and a bad agent uses them again: every question is answered with its own id."""
    script = """
def on_prompt(m):
    for id in (5, "5", 5):
        send({"id": id, "method": "session/request_permission", "params": {"sessionId": SESSION, "toolCall":
             {"toolCallId": f"c{len(seen)}", "title": str(id)}, "options": [{"optionId": "y", "name": "Yes"}]}})
        seen.append(id)
    global last
    last = m
seen = []
def _take2(message, old=_take):
    if "result" in message and "method" not in message:
        say(repr(message["id"]) + message["result"]["outcome"]["optionId"] + " ")
    else:
        old(message)
_take = _take2
"""
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.until(lambda: len(talk.asking()) == 3)
        for _ in range(3):
            talk.answer("y")
        talk.until(lambda: talk.said().count("y") == 3)
        assert sorted(talk.said().split()) == ["'5'y", "5y", "5y"]


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"options": []}, "no options"),
        ({"options": "yes"}, "no options"),
        ({"sessionId": "other"}, "no session other"),
    ],
)
def test_a_permission_request_that_cannot_be_answered(tmp_path: Path, params: dict[str, Any], why: str) -> None:
    script = f"""
def on_prompt(m):
    given = {{"toolCall": {{"toolCallId": "c1", "title": "x"}}, "options": [{{"optionId": "y", "name": "Y"}}]}}
    say(repr(ask("session/request_permission", **{{**given, **{params!r}}})["error"]))
    done(m)
"""
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.idle()
        assert why in talk.said()
        assert not talk.asking()
        assert any(why in tool.answer for tool in talk.tools())


def test_an_unknown_request_is_refused_and_shown(tmp_path: Path) -> None:
    script = "def on_prompt(m):\n say(str(ask('editor/open', path='/x')['error']['code']))\n done(m)"
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.idle()
        assert talk.said() == "-32601"
        [row] = talk.raw()
        assert (row.type, row.reason) == ("editor/open", "unknown type")


def test_too_many_questions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acp, "QUESTIONS", 3)
    script = """
def on_prompt(m):
    for n in range(6):
        threading.Thread(target=lambda: permit(f"c{next(numbers)}", "more"), daemon=True).start()
numbers = iter(range(99))
"""
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.until(lambda: len(talk.tools()) == 6 and len(talk.asking()) == 3)
        assert sum("that is the most" in tool.answer for tool in talk.tools()) == 3


def test_a_long_line_is_shown_and_a_longer_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acp_wire, "LONGEST", 1 << 20)
    script = """
def on_prompt(m):
    say("x" * 900_000)
    update("agent_thought_chunk", content=dict(type="text", text="y" * 3_000_000))
    raw(b"z" * 2_000_000 + bytes([10]))
    say("after")
    done(m)
"""
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.idle()
        lost = "The agent sent a line of more than 1 MB. It is not kept."
        assert talk.notices() == [lost, lost]
        assert [str(row.text)[-5:] for row in talk.rows() if isinstance(row, Message)] == ["xxxxx", "after"]


@pytest.mark.soak
def test_lines_of_fifty_megabytes(tmp_path: Path) -> None:
    script = "def on_prompt(m):\n for n in range(3): say('x' * 50_000_000)\n say('end')\n done(m)"
    with talking(script, tmp_path) as talk:
        talk.ready().prompt()
        talk.idle()
        assert len(talk.said()) == 150_000_003


def test_a_flood_is_held_back_and_is_all_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the hub takes at a time: nothing is lost, and what waits has a bound."""
    monkeypatch.setattr(hub, "CROWD", 10_000)
    script = """
def on_prompt(m):
    line = json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": SESSION, "update":
        {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "word "}}}}).encode() + b"\\n"
    for n in range(40): raw(line * 1000)
    done(m)
"""
    with talking(script, tmp_path) as talk:
        talk.ready()
        assert talk.agent.send("Go", "p1")
        most = 0
        while not (talk.session.state.rows > 1 and not talk.session.header.pending and not talk.hub.pending):
            talk.woken.wait(0.05)
            most = max(most, talk.hub.backlog)
            talk.tick()
        assert most < 20_000
        assert len(talk.said()) == 5 * 40_000


def test_one_that_asks_and_does_not_listen_is_held_back_and_can_be_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acp, "LEAVE", 0.05)
    monkeypatch.setattr(acp_wire, "WAITING", 50)
    script = """
def flood(m):
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x" * 900, "params": {}}).encode() + b"\\n"
    for n in range(5000): raw(line)
    os._exit(9)
handlers["session/new"] = flood
"""
    with talking(script, tmp_path) as talk:
        talk.until(lambda: talk.agent is not None and talk.agent._wire.waiting >= 50)
        talk.stop()
        assert talk.ended[0].ok  # ended by us
        assert talk.agent._wire.waiting == 0


# ---- files


def folder(tmp_path: Path) -> tuple[Folder, Path, Path]:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("secret")
    return Folder(inside), inside, outside


def test_files_are_read_by_lines(tmp_path: Path) -> None:
    files, inside, _ = folder(tmp_path)
    (inside / "a").write_text("1\n2\n3\n4\n")
    (inside / "crlf").write_bytes("1 \u2028\f\r\n2\r\n3\r\n".encode())  # what ends no line for an agent
    assert files.read(str(inside / "a")) == "1\n2\n3\n4\n"
    assert files.read(str(inside / "a"), 2, 2) == "2\n3"
    assert files.read(str(inside / "a"), 3) == "3\n4\n"
    assert files.read(str(inside / "a"), 99, 5) == ""
    assert files.read(str(inside / "crlf"), 2, 1) == "2\r\n"


def test_nothing_outside_of_the_folder_is_reached(tmp_path: Path) -> None:
    files, inside, outside = folder(tmp_path)
    (inside / "link").symlink_to(outside / "secret")
    (inside / "way").symlink_to(outside)
    (inside / "up").symlink_to("..")
    (inside / "loop").symlink_to(inside / "loop")
    (tmp_path / "in-not").mkdir()
    bad = [
        outside / "secret", inside / ".." / "out" / "secret", inside / "link", inside / "way" / "secret",
        inside / "up" / "out" / "secret", Path("/etc/passwd"), tmp_path / "in-not" / "x", inside / "way" / "new",
    ]  # fmt: skip
    for path in bad:
        for attempt in (lambda p: files.read(p), lambda p: files.write(p, "mine")):
            with pytest.raises(RefusedError, match="outside of the session's folder"):
                attempt(str(path))
    for path in ("", "a.txt", "in/a", str(inside / "a\0b")):
        with pytest.raises(RefusedError):
            files.read(path)
    with pytest.raises(RefusedError):
        files.read(str(inside / "loop"))
    assert (outside / "secret").read_text() == "secret"
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]


def test_the_folder_itself_is_no_file(tmp_path: Path) -> None:
    """Also where something in it is called as it is."""
    files, inside, _ = folder(tmp_path)
    (inside / inside.name).write_text("another one")
    with pytest.raises(RefusedError, match="is no file"):
        files.read(str(inside))
    assert files.before(str(inside)) is None
    with pytest.raises(RefusedError, match="is a folder"):
        files.write(str(inside), "mine")


def test_a_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    files, inside, _ = folder(tmp_path)
    (inside / "real").mkdir()
    (inside / "real" / "a").write_text("a")
    (inside / "alias").symlink_to(inside / "real")
    (inside / "a").symlink_to("real/a")
    assert files.read(str(inside / "alias" / "a")) == "a"
    files.write(str(inside / "a"), "b")
    assert (inside / "a").is_symlink()
    assert (inside / "real" / "a").read_text() == "b"


def test_what_is_put_in_the_way_meanwhile_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path was fine when it was looked at; a folder in it is a link when it is opened."""
    files, inside, outside = folder(tmp_path)
    (inside / "sub").mkdir()
    target = inside / "sub" / "secret"
    target.write_text("mine")
    resolved = files.inside(str(target))
    monkeypatch.setattr(files, "inside", lambda path: resolved)
    target.unlink()
    (inside / "sub").rmdir()
    (inside / "sub").symlink_to(outside)
    with pytest.raises(RefusedError, match="cannot be read"):
        files.read(str(target))
    with pytest.raises(RefusedError, match="cannot be written"):
        files.write(str(target), "gone")
    (inside / "sub").unlink()
    (inside / "sub").mkdir()
    target.symlink_to(outside / "secret")
    with pytest.raises(RefusedError, match="cannot be read"):
        files.read(str(target))
    with pytest.raises(RefusedError, match="cannot be written"):
        files.write(str(target), "gone")
    assert (outside / "secret").read_text() == "secret"


def test_only_files_are_read_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, inside, _ = folder(tmp_path)
    os.mkfifo(inside / "pipe")  # who opens that for reading waits for ever
    (inside / "dir").mkdir()
    (inside / "binary").write_bytes(b"\xff\xfe")
    (inside / "big").write_bytes(b"x" * 2000)
    monkeypatch.chdir(inside)
    server = socket.socket(socket.AF_UNIX)
    server.bind("sock")
    monkeypatch.setattr("store.sources.acp_files.MOST", 1000)
    for name in ("pipe", "dir", "binary", "big", "sock"):
        with pytest.raises(RefusedError):
            files.read(str(inside / name))
    for name in ("pipe", "dir", "sock", "."):
        with pytest.raises(RefusedError):
            files.write(str(inside / name), "x")
    server.close()
    with pytest.raises(RefusedError, match="Resource not found") as missing:
        files.read(str(inside / "none" / "file"))
    assert missing.value.code == -32002
    assert files.before(str(inside / "pipe")) is None


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    files, inside, _ = folder(tmp_path)
    script = inside / "run.sh"
    script.write_text("old")
    script.chmod(0o750)
    files.write(str(script), "new")
    files.write(str(inside / "a" / "b" / "c.txt"), "made")
    assert (script.read_text(), script.stat().st_mode & 0o777) == ("new", 0o750)
    assert (inside / "a" / "b" / "c.txt").read_text() == "made"
    assert not list(inside.rglob("*.part"))


# ---- files and terminals through the session


def session(tmp_path: Path, body: str) -> Talk:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return Talk(f"def on_prompt(m):\n{lines}\n    done(m)\n", tmp_path)


def test_files_are_asked_for_once_or_for_the_session(tmp_path: Path) -> None:
    path = str(tmp_path / "a.txt")
    talk = session(tmp_path, f"""
w = lambda text: say(json.dumps(ask("fs/write_text_file", path={path!r}, content=text).get("error", "ok")) + " ")
w("one")
w("two")
w("three")
w("four")
say(ask("fs/read_text_file", path={path!r})["error"]["message"])
""")  # fmt: skip
    try:
        talk.ready().prompt()
        assert [option.kind for option in talk.question().options] == ["allow_once", "allow_always", "reject_once"]
        talk.answer("once")
        talk.answer("no")
        assert (tmp_path / "a.txt").read_text() == "one"
        asked = talk.answer("always")
        assert [line for hunk in asked.hunks for line in hunk.lines] == ["-one", "+three"]  # as it would change
        talk.until(lambda: talk.said().count("ok") == 3)
        talk.answer("no")  # reading is asked apart from writing
        talk.idle()
        assert (tmp_path / "a.txt").read_text() == "four"
        assert "The user refused." in talk.said()
        assert [tool.answer for tool in talk.tools()] == [
            "Allowed once", "Refused", "Allowed: writing in this folder for this session", "Allowed for this session",
            "Refused",
        ]  # fmt: skip
        assert [line for hunk in talk.tools()[3].hunks for line in hunk.lines] == ["-three", "+four"]
    finally:
        talk.feeds.shutdown()


def test_what_is_outside_is_refused_without_a_question(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "link").symlink_to("/etc")
    talk = session(inside, f"""
for path in ("/etc/passwd", {str(inside / "link" / "passwd")!r}, "relative"):
    say(ask("fs/read_text_file", path=path)["error"]["message"] + "|")
    say(ask("fs/write_text_file", path=path, content="x")["error"]["message"] + "|")
say(ask("terminal/create", command="ls", cwd="/etc")["error"]["message"] + "|")
say(ask("terminal/output", terminalId="term-9")["error"]["message"] + "|")
say(ask("fs/write_text_file", path={str(inside / "x")!r})["error"]["message"] + "|")
say(ask("terminal/create", command="")["error"]["message"])
""")  # fmt: skip
    try:
        talk.ready().prompt()
        talk.idle()
        assert not [tool for tool in talk.tools() if tool.options]
        assert talk.said().count("outside of the session's folder") == 5
        assert {tool.status for tool in talk.tools()} == {"failed"}
        assert "outside of the session's folder" in str(talk.tools()[0].output)
    finally:
        talk.feeds.shutdown()


def test_a_command_is_run_shown_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acp_terminals, "TOLD", 2000)
    talk = session(tmp_path, """
one = ask("terminal/create", command="echo one; echo two >&2; pwd; echo $NAME; exit 3", outputByteLimit=10,
          env=[dict(name="NAME", value="x"), dict(name="A=B", value="y")])["result"]["terminalId"]
update("tool_call", toolCallId="t1", title="shell", kind="execute", status="in_progress",
       content=[dict(type="terminal", terminalId=one)])
say(json.dumps(ask("terminal/wait_for_exit", terminalId=one)["result"]) + "|")
say(json.dumps(ask("terminal/output", terminalId=one)["result"]) + "|")
two = ask("terminal/create", command="sleep", args=["600"])["result"]["terminalId"]
say(json.dumps(ask("terminal/kill", terminalId=two)["result"]) + "|")
say(json.dumps(ask("terminal/wait_for_exit", terminalId=two)["result"]["exitCode"]) + "|")
say(json.dumps(ask("terminal/release", terminalId=two)["result"]) + "|")
say(ask("terminal/output", terminalId=two)["error"]["message"] + "|")
say(ask("terminal/create", command="no-such-program")["error"]["message"] + "|")
three = ask("terminal/create", command="seq 1 900; sleep 600")["result"]["terminalId"]
""")  # fmt: skip
    try:
        talk.ready().prompt()
        for _ in range(4):
            talk.answer("once")
        talk.idle()
        said = talk.said()
        assert '"exitCode": 3' in said
        assert '"truncated": true' in said
        assert "There is no terminal term-2." in said
        assert "was not found" in said
        first, shown, second = talk.tools()[:3]
        assert (first.status, first.exit_code, first.title) == ("failed", 3, first.title)
        assert sorted(str(first.output).split()) == sorted(["one", "two", str(tmp_path), "x"])
        assert str(shown.output) == str(first.output)  # in the call that shows it, too
        assert (second.status, second.answer) == ("failed", "Ended by 15")
        last = talk.tools()[-1]
        talk.until(lambda: "the rest is not shown" in str(talk.tools()[-1].output))
        assert last.status == "running"
        talk.stop()
        talk.until(lambda: talk.tools()[-1].status != "running")
        assert [row.id for row in talk.again()] == [row.id for row in talk.rows()]
    finally:
        talk.feeds.shutdown()
