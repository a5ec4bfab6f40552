"""The real app in a process of its own, for benches that need one: says on stdout when what was painted.

`python -m viewer.bench.child SECONDS ROWS PATH`: open PATH, print `painted` when its last row is on the screen and
`ready` when all of it is there; then wait for ROWS further rows or for SECONDS, and print one JSON object.
"""

from __future__ import annotations

import sys

from viewer import cli


def main(seconds: str, rows: str, path: str) -> int:
    cli.load()  # as the command does, before anything of Qt
    from PySide6.QtCore import QTimer

    from viewer.app import App
    from viewer.bench.watch import Watch

    app = App(cli.window_options(["--size", "1200x900", "--theme", "dark", path]))
    watch = Watch(app, float(seconds), int(rows))
    QTimer.singleShot(0, watch.look)
    app.start(restore=False)
    return app.execute()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
