"""An agent that misbehaves as its first argument says. Started by tests as a real process; imports nothing of ours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

SESSION = "5e551014-0000-4000-8000-000000000009"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
HOLDER = "import signal; signal.pause()"


def said(number: int, text: str) -> bytes:
    message = {"id": f"m{number}", "role": "assistant", "model": "x", "content": [{"type": "text", "text": text}]}
    record = {"type": "assistant", "message": message, "parent_tool_use_id": None, "session_id": SESSION}
    return json.dumps({**record, "uuid": f"u{number}"}).encode() + b"\n"


def put(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def main(what: str) -> None:
    put(json.dumps({"type": "system", "subtype": "init", "cwd": "/w", "session_id": SESSION, "model": "x"}).encode())
    put(b"\n")
    match what:
        case "flood":
            put(b"".join(said(number, f"line {number}") for number in range(50_000)))
        case "complain":
            sys.stderr.write("much to complain about\n" * 20_000)
            put(said(1, "still here"))
        case "garbage":
            put(bytes(range(256)) * 300 + b"\nnot json\n\0\0\0\n\xff\xfe{}\n" + said(1, "after"))
        case "fail":
            put(said(1, "bye"))
            sys.stderr.write("it went wrong\n")
            sys.exit(3)
        case "die":
            put(said(1, "bye"))
            os.kill(os.getpid(), signal.SIGKILL)
        case "silent":  # it connects, and never says anything
            signal.pause()
        case "leave":  # a child goes on and holds the output
            child = subprocess.Popen([sys.executable, "-c", HOLDER])
            put(said(1, f"pids {child.pid}"))
        case "family":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
            assert child.stdout is not None
            child.stdout.readline()  # it ignores the signal by now
            put(said(1, f"pids {os.getpid()} {child.pid}"))
            signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
