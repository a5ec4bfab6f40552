"""A row in every table that has none, whatever revision the database is of; and whether a step of the schema keeps it.

For the tests of migrations: what a revision leaves alone is seen to stay only where there is something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

from alembic import command
from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table, func, insert, select
from sqlalchemy.exc import IntegrityError

from store.db.upgrade import config

Content: TypeAlias = Mapping[str, list[dict[str, object]]]  # table → rows, by column

Migrating: TypeAlias = Callable[[], AbstractContextManager[Connection]]


def walked(migrating: Migrating, revisions: Sequence[str], but: Iterable[str]) -> None:
    """Go down each revision, up and down again, newest first, with a row in every table: nothing of them is lost."""
    empty: list[str] = []
    for revision, below in zip(reversed(revisions), reversed(revisions[:-1]), strict=False):
        with migrating() as connection:
            empty += fill(connection, but)
            before = content(connection, but)
            assert all(before.values())
            for step in (below, revision, below):
                (command.upgrade if step > below else command.downgrade)(config(connection), step)
                after = content(connection, but)
                kept(before, after)
                before = after if step == below else before
    assert {"trigger", "delivery", "run", "audit", "price"} <= {*empty}


def fill(connection: Connection, but: Iterable[str]) -> list[str]:
    """Returns the tables that were empty."""
    empty: list[str] = []
    for table in _tables(connection, but):
        if connection.execute(select(func.count()).select_from(table)).scalar_one():
            continue
        empty.append(table.name)
        values = {column.name: _value(connection, column) for column in table.columns}
        try:
            with connection.begin_nested():
                connection.execute(insert(table).values(values))
        except IntegrityError as error:
            raise AssertionError(f"{table.name} takes no {values}") from error
    return empty


def content(connection: Connection, but: Iterable[str]) -> Content:
    """Every row of every table."""
    found: dict[str, list[dict[str, object]]] = {}
    for table in _tables(connection, but):
        found[table.name] = [dict(row._mapping) for row in connection.execute(select(table))]
    return found


def kept(before: Content, after: Content) -> None:
    """All that both of them have columns for is the same."""
    for table in before.keys() & after.keys():
        assert len(before[table]) == len(after[table]), table
        if not before[table]:
            continue
        both = sorted(before[table][0].keys() & after[table][0].keys())
        was, now = (sorted(([row[name] for name in both] for row in rows[table]), key=repr) for rows in (before, after))
        assert was == now, table


def _tables(connection: Connection, but: Iterable[str]) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    skipped = {*but, "alembic_version"}
    return [one for one in metadata.sorted_tables if one.name not in skipped and not one.name.startswith("fts_")]


def _value(connection: Connection, column: Column[Any]) -> object:
    for key in column.foreign_keys:
        return connection.execute(select(key.column).limit(1)).scalar()
    if isinstance(column.type, Integer):
        return 1
    return b"\x01" if isinstance(column.type, LargeBinary) else "x"
