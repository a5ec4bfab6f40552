"""The system libraries that PySide6's wheel expects on Linux, and how to get missing ones; called by bootstrap.py."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping

# Library → Debian packages that may carry it, newest name first. Read from the NEEDED entries of the wheel's QtGui,
# QtNetwork, QtDBus and its offscreen, xcb and Wayland plugins.
ALWAYS: Mapping[str, tuple[str, ...]] = {
    "libglib-2.0.so.0": ("libglib2.0-0t64", "libglib2.0-0"),
    "libGL.so.1": ("libgl1",),
    "libEGL.so.1": ("libegl1",),
    "libX11.so.6": ("libx11-6",),
    "libfontconfig.so.1": ("libfontconfig1",),
    "libfreetype.so.6": ("libfreetype6",),
    "libxkbcommon.so.0": ("libxkbcommon0",),
    "libdbus-1.so.3": ("libdbus-1-3",),
    "libzstd.so.1": ("libzstd1",),
    "libbrotlidec.so.1": ("libbrotli1",),
    "libgssapi_krb5.so.2": ("libgssapi-krb5-2",),
}
X11: Mapping[str, tuple[str, ...]] = {
    "libX11-xcb.so.1": ("libx11-xcb1",),
    "libxcb-cursor.so.0": ("libxcb-cursor0",),
    "libxcb-icccm.so.4": ("libxcb-icccm4",),
    "libxcb-image.so.0": ("libxcb-image0",),
    "libxcb-keysyms.so.1": ("libxcb-keysyms1",),
    "libxcb-randr.so.0": ("libxcb-randr0",),
    "libxcb-render-util.so.0": ("libxcb-render-util0",),
    "libxcb-shape.so.0": ("libxcb-shape0",),
    "libxcb-sync.so.1": ("libxcb-sync1",),
    "libxcb-xfixes.so.0": ("libxcb-xfixes0",),
    "libxcb-xkb.so.1": ("libxcb-xkb1",),
    "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0",),
}
WAYLAND: Mapping[str, tuple[str, ...]] = {
    "libwayland-client.so.0": ("libwayland-client0",),
    "libwayland-cursor.so.0": ("libwayland-cursor0",),
    "libwayland-egl.so.1": ("libwayland-egl1",),
}
ARCH = (
    "libglvnd libxkbcommon libxkbcommon-x11 xcb-util-cursor xcb-util-image "
    "xcb-util-keysyms xcb-util-renderutil xcb-util-wm"
)


def wanted(environ: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What this machine must have: a window needs more than the offscreen screen of tests and screenshots."""
    libraries = dict(ALWAYS)
    if environ.get("DISPLAY"):
        libraries.update(X11)
    if environ.get("WAYLAND_DISPLAY"):
        libraries.update(WAYLAND)
    return libraries


def missing(libraries: Iterable[str]) -> list[str]:
    """Those that the dynamic loader does not find, found out by loading them as Qt would."""
    lacking = []
    for library in libraries:
        try:
            ctypes.CDLL(library)
        except OSError:
            lacking.append(library)
    return lacking


def by_hand(lacking: Iterable[str], tools: Mapping[str, str]) -> str:
    """The exact line to type. `tools`: the package tools that this machine has, by name."""
    lacking = list(lacking)
    table = {**ALWAYS, **X11, **WAYLAND}
    if "apt-get" in tools:
        names = sorted({table[library][-1] for library in lacking})
        return f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(names)}"
    for tool in ("dnf", "zypper"):
        if tool in tools:  # both take the name of a library for the package that has it
            return f"sudo {tool} install -y " + " ".join(f"'{library}()(64bit)'" for library in lacking)
    if "pacman" in tools:
        return f"sudo pacman -S --needed {ARCH}"
    return "install the packages that contain " + " ".join(lacking)


def ensure() -> None:
    """Installs what is missing where that is allowed; else prints the line to type and leaves with 1."""
    if not sys.platform.startswith("linux"):
        return  # the wheels of other systems carry all they need
    if not missing(wanted(os.environ)):
        return
    # As we are at it: with these, the same set-up can open a window on any display later.
    lacking = missing({**ALWAYS, **X11, **WAYLAND})
    tools = {name: found for name in ("apt-get", "dnf", "zypper", "pacman") if (found := shutil.which(name))}
    if "apt-get" in tools and (root := _root()) is not None:
        print(f"setup: Qt lacks {len(lacking)} system libraries, apt-get installs them", flush=True)
        _apt(lacking, root)
    lacking = missing(wanted(os.environ))
    if lacking:
        print(f"setup: Qt needs system libraries that are not here: {' '.join(lacking)}", file=sys.stderr)
        print("setup: type this, then the same make command again:", file=sys.stderr)
        print(f"    {by_hand(lacking, tools)}", file=sys.stderr)
        sys.exit(1)


def _root() -> list[str] | None:
    """What to put before a command to run it as root without being asked for a password; None: not allowed."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def _apt(lacking: Iterable[str], root: list[str]) -> None:
    """One `update`, one `install`; shows what apt said only when it failed. The caller looks at the libraries again."""
    table = {**ALWAYS, **X11, **WAYLAND}
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    _quietly([*apt, "update"])
    # The newest name of each package that this release knows (Debian 13 and Ubuntu 24.04 renamed some to …t64).
    names = sorted({next(filter(_known, table[library]), table[library][-1]) for library in lacking})
    _quietly([*apt, "install", "--no-install-recommends", *names])


def _quietly(command: list[str]) -> None:
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)


def _known(package: str) -> bool:
    found = subprocess.run(["apt-cache", "show", "--no-all-versions", package], capture_output=True, check=False)
    return found.returncode == 0 and bool(found.stdout)
