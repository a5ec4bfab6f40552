"""Where the secrets of triggers lie: in the system's keyring, or else in a file that only the user can read.

The database has a reference: `keyring:NAME`, `file:NAME`, or `env:VARIABLE` for who keeps secrets elsewhere.
"""

from __future__ import annotations

import logging
import os
import uuid
from pathlib import Path
from typing import Final

import orjson

from store.db.lock import hold
from store.errors import StoreError
from store.paths import put

log = logging.getLogger(__name__)

SERVICE: Final = "playhead"
FILE: Final = "secrets.json"

_variables: Final[set[str]] = {"PLAYHEAD_DATABASE_URL"}  # may have a password in it


def withheld() -> frozenset[str]:
    """Variables with secrets of ours: what Playhead starts does not get them."""
    return frozenset(_variables)


def around() -> dict[str, str]:
    """Our environment without them."""
    return {name: value for name, value in os.environ.items() if name not in withheld()}


def mention(ref: str) -> None:
    """A trigger has its secret there."""
    kind, _, name = ref.partition(":")
    if kind == "env":
        _variables.add(name)


def keep(db: Path, secret: str, ref: str = "") -> tuple[str, str]:
    """Put a secret away, in place of the one at `ref`. Returns (reference, a sentence that says where it lies)."""
    if secret.startswith("env:"):
        forget(db, ref)
        return secret, f"The secret is read from the variable {secret[4:]}."
    name = ref.partition(":")[2] if ref.startswith(("keyring:", "file:")) else f"trigger-{uuid.uuid4().hex[:12]}"
    try:
        _ring_set(name, secret)
    except _WithoutError as error:
        _file_set(db, name, secret)
        return f"file:{name}", f"There is no keyring here ({error}): the secret lies in {_file(db)}, for you alone."
    if ref.startswith("file:"):
        _file_set(db, name, None)
    return f"keyring:{name}", "The secret lies in the keyring of this system."


def fetch(db: Path, ref: str) -> str:
    """The secret; '' when there is none any more. Raises StoreError when it cannot be read."""
    kind, _, name = ref.partition(":")
    match kind:
        case "env":
            return os.environ.get(name, "")
        case "file":
            return _read(db).get(name, "")
        case "keyring":
            try:
                return _ring_get(name)
            except _WithoutError as error:
                raise StoreError(
                    f"The keyring cannot be read ({error}): unlock it, or set the secret again."
                ) from error
    return ""


def forget(db: Path, ref: str) -> None:
    """The trigger is gone."""
    kind, _, name = ref.partition(":")
    if kind == "file":
        _file_set(db, name, None)
    elif kind == "keyring":
        try:
            _ring_forget(name)
        except _WithoutError as error:
            log.warning("the secret %s stays in the keyring: %s", name, error)


# ---- the keyring; 50 ms to import, so only when it is asked


class _WithoutError(Exception):
    """There is no keyring that can be used now."""


def _ring_set(name: str, secret: str) -> None:
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, name, secret)
        if keyring.get_password(SERVICE, name) != secret:  # some keep nothing and say nothing
            raise _WithoutError("it keeps nothing")
    except KeyringError as error:
        raise _WithoutError(_why(error)) from error


def _ring_get(name: str) -> str:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(SERVICE, name) or ""
    except KeyringError as error:
        raise _WithoutError(_why(error)) from error


def _ring_forget(name: str) -> None:
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        keyring.delete_password(SERVICE, name)
    except PasswordDeleteError:
        return  # it is gone already
    except KeyringError as error:
        raise _WithoutError(_why(error)) from error


def _why(error: Exception) -> str:
    return (str(error).partition(".")[0].strip() or type(error).__name__)[:80]


# ---- the file


def _file(db: Path) -> Path:
    return db.with_name(FILE)


def _read(db: Path) -> dict[str, str]:
    try:
        found = orjson.loads(_file(db).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StoreError(f"{_file(db)} cannot be read ({error}): repair it, or set the secrets again.") from error
    return {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}


def _file_set(db: Path, name: str, secret: str | None) -> None:
    """One at a time, of all Playheads: who writes back what he has read would take away what came between."""
    target = _file(db)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = hold(target.with_name(f"{target.name}.lock"), wait=True)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror or error}.") from error
    assert held is not None  # noqa: S101 - it was waited for
    try:
        _change(db, name, secret)
    finally:
        held.drop(remove=False)  # who waits for a name that is unlinked would not be alone


def _change(db: Path, name: str, secret: str | None) -> None:
    found = _read(db)
    if secret is None and name not in found:
        return
    if secret is None:
        del found[name]
    else:
        found[name] = secret
    target = _file(db)
    try:
        put(target, orjson.dumps(found), private=True, safe=True)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror or error}.") from error
