"""What the files of a package declare, one each: formats, runners, senders. Nothing names them one by one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import TypeVar

Declared = TypeVar("Declared")


def declared(package: str, folders: Iterable[str], name: str, kind: type[Declared]) -> list[Declared]:
    """Whatever stands as `name` in a module of the package and is of that kind, in the order of the files."""
    modules = (importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(folders))
    return [one for module in modules if isinstance(one := getattr(module, name, None), kind)]
