"""What the command line asks of the window. Made by cli.py, read by app.py; knows no Qt."""

from __future__ import annotations

from msgspec import Struct

SIZE = (1280, 800)


class Options(Struct, frozen=True):
    paths: tuple[str, ...] = ()  # files and folders to open
    stdin: bool = False  # show what comes in on standard input
    demo: bool = False
    command: tuple[str, ...] = ()  # a program to run, whose output is shown
    title: str = ""  # what to call its session
    acp: tuple[str, ...] = ()  # an agent to start and talk ACP with
    cwd: str = ""  # the folder that it works in
    load: str = ""  # id of an earlier session of it
    files: bool = True  # offer to read and write files for it
    screenshot: str = ""  # write a picture of the window here, and end
    size: tuple[int, int] = SIZE
    theme: str = ""  # light, dark; '' is the user's setting
    follow: bool = False  # stay at the end of what is opened
    safe: bool = False  # start with default settings and nothing remembered
