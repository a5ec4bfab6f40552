"""Colours code with one regex per family of languages: cheap enough for every frame, also while code streams in.

Not a parser: comments, strings, numbers, keywords, names that are called. Pygments needs 3 ms for 50 lines and 25 ms to
import, which is more than a frame; this needs 0.2 ms. Used by viewer.rows.markdown.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

LIMIT = 100_000  # characters of one block that are looked at

_KEYWORDS = {
    "python": "False None True and as assert async await break case class continue def del elif else except "
    "finally for from global if import in is lambda match nonlocal not or pass raise return self try "
    "while with yield",
    "c": "abstract any as async await bool boolean break byte case catch char class const constexpr "
    "continue crate debugger default defer delete do double dyn else enum export extends extern false "
    "final finally float fn for from func function go if impl implements import in instanceof int "
    "interface is let long loop map match mod mut namespace new nil null number object of override "
    "package private protected pub public range readonly ref return select self short signed sizeof "
    "static string struct super switch template this throw trait true try type typedef typename "
    "typeof undefined union unsafe unsigned use using val var virtual void volatile where while yield",
    "shell": "break case continue do done elif else esac exit export fi for function if in local return select "
    "set shift source then unset until while",
    "sql": "add all alter and as asc begin between by case check column commit constraint create default "
    "delete desc distinct drop else end exists foreign from full group having if in index inner "
    "insert integer into is join key left like limit not null on or order outer primary references "
    "returning right rollback select set table text then union unique update using values view when "
    "where with",
    "data": "true false null yes no on off",
    "lisp": "def defn defun defmacro fn if let lambda loop cond do quote nil t true false",
}
_FAMILY = {
    "python": "python py python3 pyi pytb pycon starlark bzl ruby rb nim gdscript elixir ex exs julia jl r perl pl",
    "c": "c h cpp c++ cc hpp cs csharp java js javascript jsx mjs ts typescript tsx go golang rust rs "
    "swift kotlin kt scala dart php css scss less zig proto protobuf graphql glsl objc groovy v "
    "solidity json5 jsonc qml",
    "shell": "sh bash zsh shell console shell-session fish make makefile dockerfile docker ps1 powershell bat "
    "cmake env nix",
    "sql": "sql sqlite postgresql postgres mysql plsql",
    "data": "json yaml yml toml ini cfg conf properties jsonl ndjson",
    "lisp": "lisp clojure clj scheme elisp racket",
    "markup": "html xml svg xhtml vue svelte",
    "diff": "diff patch",
}
_OF = {name: family for family, names in _FAMILY.items() for name in names.split()}

_STRING = r"\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?"
_NUMBER = r"\b(?:0[xXbBoO][0-9a-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\w*"
_CALL = r"\b[A-Za-z_]\w*(?=\()"
_TYPE = r"\b[A-Z][A-Za-z0-9_]*\b"


class Token(NamedTuple):
    start: int
    length: int
    kind: str  # the last part of a token's name: keyword, string, …


@cache
def _pattern(family: str) -> re.Pattern[str]:
    words = "|".join(_KEYWORDS.get(family, "").split())
    keyword = rf"(?P<keyword>\b(?:{words})\b)"
    match family:
        case "python":
            parts = [
                r"(?P<open>\"\"\"|''')",
                r"(?P<comment>\#[^\n]*)",
                rf"(?P<string>\b[rbfuRBFU]{{1,2}}(?=[\"'])(?:{_STRING})|{_STRING})",
                r"(?P<type>@[\w.]+)",
                keyword,
                rf"(?P<number>{_NUMBER})",
                rf"(?P<name>{_CALL})",
            ]
        case "c":
            parts = [
                r"(?P<open>/\*|`)",
                r"(?P<comment>//[^\n]*|^[ \t]*\#[^\n]*)",
                rf"(?P<string>{_STRING})",
                keyword,
                rf"(?P<number>{_NUMBER})",
                rf"(?P<name>{_CALL})",
                rf"(?P<type>{_TYPE})",
            ]
        case "shell":
            parts = [
                r"(?P<comment>(?:^|(?<=\s))\#[^\n]*)",
                rf"(?P<string>{_STRING})",
                r"(?P<type>\$\{[^}\n]{0,200}\}|\$\w+)",
                r"(?P<tag>(?:^|(?<=\s))--?[A-Za-z][\w-]*)",
                keyword,
            ]
        case "sql":
            parts = [
                r"(?P<open>/\*)",
                r"(?P<comment>--[^\n]*)",
                rf"(?P<string>{_STRING})",
                keyword.replace("(?P<keyword>", "(?P<keyword>(?i:").replace(r")\b)", r")\b))"),
                rf"(?P<number>{_NUMBER})",
            ]
        case "data":
            parts = [
                r"(?P<comment>(?:^|(?<=\s))[#;][^\n]*|//[^\n]*)",
                r"(?P<name>\"(?:[^\"\\\n]|\\.)*\"(?=\s*:)|^[ \t-]*[\w.][\w.-]*(?=\s*[:=])|^\[[^\]\n]*\])",
                rf"(?P<string>{_STRING})",
                keyword,
                rf"(?P<number>-?{_NUMBER})",
            ]
        case "lisp":
            parts = [
                r"(?P<comment>;[^\n]*)",
                r"(?P<string>\"(?:[^\"\\]|\\.)*\"?)",
                r"(?P<type>:[\w-]+)",
                keyword,
                rf"(?P<number>{_NUMBER})",
            ]
        case _:
            parts = [
                r"(?P<open><!--)",
                r"(?P<tag></?[A-Za-z][\w:-]*|/?>)",
                r"(?P<name>(?<![\w:-])[\w:-]+(?==[\"'{]))",
                r"(?P<string>\"[^\"\n]*\"|'[^'\n]*')",
            ]
    return re.compile("|".join(parts), re.MULTILINE)


_CLOSES = {'"""': '"""', "'''": "'''", "/*": "*/", "`": "`", "<!--": "-->"}


def lex(code: str, language: str, state: str = "") -> tuple[list[Token], str]:
    """The coloured runs of a piece of code, and the state to go on with. A language we do not know has none."""
    family = _OF.get(language)
    if family is None or len(code) > LIMIT:
        return [], ""
    if family == "diff":
        return _diff(code), ""
    pattern = _pattern(family)
    found: list[Token] = []
    at = 0
    if state:
        at = _close(code, 0, 0, state, found)
        if at < 0:
            return found, state
    while True:
        match = pattern.search(code, at)
        if match is None:
            return found, ""
        kind = match.lastgroup or ""
        start, end = match.span()
        if kind == "open":
            opened = match.group()
            at = _close(code, start, end, opened, found)
            if at < 0:
                return found, opened
            continue
        found.append(Token(start, end - start, kind))
        at = end if end > start else end + 1


def _close(code: str, start: int, at: int, opened: str, found: list[Token]) -> int:
    """Colour up to the end of a string or comment over several lines; -1 when it does not end here."""
    kind = "comment" if opened in ("/*", "<!--") else "string"
    closing = _CLOSES[opened]
    end = code.find(closing, at)
    if end < 0:
        found.append(Token(start, len(code) - start, kind))
        return -1
    end += len(closing)
    found.append(Token(start, end - start, kind))
    return end


def _diff(code: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    for line in code.split("\n"):
        kind = {"+": "add", "-": "cut", "@": "hunk"}.get(line[:1])
        if kind is not None and not line.startswith(("+++", "---")):
            found.append(Token(at, len(line), kind))
        at += len(line) + 1
    return found
