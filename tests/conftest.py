"""What every test gets: no display, a home of its own, one time zone, and the folders of real recordings if here."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

# Before anything imports Qt: without a display the xcb plugin would abort the process.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["TZ"] = "UTC"
os.environ["LC_ALL"] = "C.UTF-8"
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"  # nobody's own keyring
time.tzset()
# Whoever starts the tests in the background, or by nohup, has had these ignored for every child.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

import pytest  # noqa: E402
from cluster import Cluster, programs  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from thorough import examples  # noqa: E402
from watchdog import set_timer  # noqa: E402

from viewer.imports import plain  # noqa: E402

os.environ.pop("PLAYHEAD_DATABASE_URL", None)  # no test writes into somebody's archive

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / "shared"

# A loaded machine must not turn a slow example into a failure: the tests say nothing about time.
settings.register_profile(
    "playhead", max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("playhead")

HOMES = {
    "HOME": "",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "XDG_CACHE_HOME": ".cache",
    "XDG_RUNTIME_DIR": "run",
    "PLAYHEAD_DATA_DIR": "playhead",
    "CLAUDE_CONFIG_DIR": ".claude",
}
FOLDERS = ("", ".local", *filter(None, HOMES.values()))
_homes = count()


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """As in the app, and after pytest-qt, which loads Qt: a tenth of the time in which all tests are read."""
    plain()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Each worker reads the tests from another place on: in a new clone they have to be compiled, which takes longer
    than all else about them, and what one worker has compiled the others find."""
    worker, args = os.environ.get("PYTEST_XDIST_WORKER", ""), session.config.args
    if worker.removeprefix("gw").isdecimal() and [Path(arg).resolve() for arg in args] == [REPO / "tests"]:
        files = sorted(str(path) for path in (REPO / "tests").rglob("test_*.py"))
        first = len(files) * int(worker[2:]) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        session.config.args = files[first:] + files[:first]


@pytest.hookimpl(wrapper=True, tryfirst=True, specname="pytest_collection_modifyitems")
def pytest_collection_in_one_order(items: list[pytest.Item]) -> Iterator[None]:
    """For all workers, whichever tests they read first; before pytest-randomly, a wrapper too, shuffles them.
    The longest come first whatever it does."""
    items.sort(key=lambda item: item.path)
    yield
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of an archive runs on a server too; of one with many cases the first, and `make soak` runs all."""
    seen: set[tuple[Path, str]] = set()
    for item in items:
        found = getattr(item, "callspec", None)
        if found is not None and found.params.get("database") == "server":
            test = (item.path, getattr(item, "originalname", item.name))
            if test in seen:
                item.add_marker(pytest.mark.soak)
            seen.add(test)


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: object) -> bool | None:
    return set_timer(item, settings)


_ended = count(1)


def pytest_collection_finish() -> None:
    """Garbage is looked for between tests only, as in the app (`viewer/garbage.py`): a thread of one test would
    destroy the windows that another one left, under the hands of the main thread."""
    gc.collect()
    gc.freeze()
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    if next(_ended) % 100 == 0:
        gc.collect()
    elif gc.get_count()[0] > 1000:
        gc.collect(1)


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Apart from every tmp_path: pytest looks through its folder for the next free name, again and again."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def home(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: no test sees the sessions, settings or data of who runs it, nor those of another test."""
    # Not tmp_path: hypothesis refuses tests whose fixtures are made anew per test and not per example.
    root = f"{homes}/{next(_homes)}"
    for below in FOLDERS:
        os.mkdir(f"{root}/{below}", 0o700)  # noqa: PTH102 - before each of some thousand tests: a tenth of the time
    for name, below in HOMES.items():
        monkeypatch.setenv(name, f"{root}/{below}" if below else root)
    return Path(root)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A PostgreSQL server of our own: one for all workers."""
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with closing(Cluster(found, shared / "cluster")) as started:
        yield started


@pytest.fixture(params=["file", "server"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where an archive lies, once in a file and once on a server. The test has it below its `tmp_path`."""
    path = tmp_path / "data" / "playhead.db"
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(tmp_path))
    if request.param == "file":
        yield path
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name = cluster.made()
    monkeypatch.setenv("PLAYHEAD_DATABASE_URL", cluster.url(name))
    yield path
    cluster.drop(name)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Recordings of real agents, one folder per agent."""
    return _shared("recordings")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Made files of every agent's format, good ones and bad ones."""
    return _shared("data")


def _shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not on this machine")
    return folder
