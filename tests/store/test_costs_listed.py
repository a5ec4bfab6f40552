"""What sessions cost, for the list: folded at quiet times, read in one statement, and never a guess."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from builders import answer, assistant, call, lines, user
from raw import change

from store.about import about, spent
from store.db import place
from store.delta import Spent
from store.digest_parts import version
from store.events import Tokens
from store.figures import catch_up
from store.fold import FOLD_VERSION
from store.intake import take_in
from store.read_again import TRIES, note, read_again

GO = [user("go"), assistant(call("Bash")), answer("ok")]


def priced(_tokens: Tokens, _ts: int | None = None, _whole: int = 0) -> int:
    return 7


def write(path: Path, *records: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lines(*records))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_what_is_behind_is_folded_once_and_only_that(tmp_path: Path, database: Path) -> None:
    """Nothing known is nothing told; a price that is missing makes the sum unknown, and not smaller."""
    whole = write(tmp_path / "s" / "whole.jsonl", *GO)
    other = write(tmp_path / "s" / "other.jsonl", *GO, assistant("more", id="m2", uuid="a2"))
    for path in (whole, other):
        take_in(database, path)
    assert spent(database) == {}
    assert catch_up(database, priced) == 2
    assert catch_up(database, priced) == 0
    size = whole.stat().st_size
    assert spent(database)[str(whole)] == Spent(7, failed=False, bytes=size)
    write(whole, *GO, assistant("done", id="m3", uuid="a3"))
    take_in(database, whole)
    assert spent(database)[str(whole)].bytes > size
    assert about(whole, database).fresh is False  # type: ignore[union-attr]
    assert catch_up(database, priced) == 1
    assert spent(database)[str(whole)].cost == 14


def test_sums_of_another_version_are_not_told(tmp_path: Path, database: Path) -> None:
    path = write(tmp_path / "s.jsonl", *GO)
    take_in(database, path)
    catch_up(database, priced)
    change(database, "UPDATE digest SET schema_version = ?", (version() - 1,))
    assert spent(database) == {}
    assert catch_up(database, priced) == 1
    assert spent(database)[str(path)].cost == 7


def test_one_that_came_in_without_entries_is_read_for_them(tmp_path: Path, database: Path) -> None:
    """As of two that tell the same request and come in at once. Not one whose file is gone."""
    paths = [write(tmp_path / name, *GO) for name in ("there.jsonl", "gone.jsonl")]
    for path in paths:
        take_in(database, path)
    for statement in ("DELETE FROM ledger", "DELETE FROM entry", "DELETE FROM request"):
        change(database, statement)
    paths[1].unlink()
    assert catch_up(database, priced) == 1
    assert spent(database)[str(paths[0])].cost == 7


def test_one_that_never_gives_any_is_left_alone(tmp_path: Path, database: Path) -> None:
    """A few tries for a file as it is; another file, or another fold, is tried anew. What worked is not noted."""
    bad, good = (write(tmp_path / name, *GO) for name in ("bad.jsonl", "good.jsonl"))
    for path in (bad, good):
        take_in(database, path)
    bad.write_bytes(b"")
    for statement in ("DELETE FROM ledger", "DELETE FROM entry", "DELETE FROM request"):
        change(database, statement)
    assert [read_again(database) for _ in range(TRIES + 2)] == [2, *(1 for _ in range(TRIES - 1)), 0, 0]
    assert [*json.loads(note(database).read_bytes())] == [place.key_of(bad, database)]
    bad.write_bytes(b"\n")
    assert read_again(database) == 1
    text = note(database).read_text("utf-8")
    note(database).write_text(re.sub(r'"folds":\[\d+', f'"folds":[{FOLD_VERSION - 1}', text), "utf-8")
    assert [read_again(database) for _ in range(TRIES + 1)] == [*(1 for _ in range(TRIES)), 0]
    write(bad, *GO)
    assert read_again(database) == 1
    assert read_again(database) == 0
    assert not note(database).exists()


def test_one_that_cannot_be_read_costs_the_others_nothing(tmp_path: Path, database: Path) -> None:
    broken, good = (write(tmp_path / name, *GO) for name in ("broken.jsonl", "good.jsonl"))
    for path in (broken, good):
        take_in(database, path)
    number = about(broken, database).number  # type: ignore[union-attr]
    change(database, "UPDATE entry SET data = ? WHERE session_id = ?", (b"\x00nonsense", number))
    assert catch_up(database, priced) == 1
    assert list(spent(database)) == [str(good)]


def test_a_failed_last_turn_and_a_missing_price(tmp_path: Path, database: Path) -> None:
    """A sum that leaves something out is no sum; and only an end that nobody wished for is a failure."""
    more = assistant("fine", id="m2", uuid="a2")
    error = assistant("API Error: 500", id="m3", uuid="a3", isApiErrorMessage=True)
    failed = write(tmp_path / "s.jsonl", *GO, more, error)
    take_in(database, failed)
    prices = iter((7, None))
    catch_up(database, lambda *_: next(prices, None))
    assert spent(database)[str(failed)] == Spent(None, failed=True, bytes=failed.stat().st_size)
    write(failed, *GO, more)
    take_in(database, failed)
    catch_up(database, priced)
    assert spent(database)[str(failed)] == Spent(14, failed=False, bytes=failed.stat().st_size)
