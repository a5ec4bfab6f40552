"""The words of the demo session, for `make_demo.py` only: somebody has a flaky retry test in atlas-api looked at."""

from __future__ import annotations

from typing import Final

CWD: Final = "/home/dev/atlas-api"

PROMPT: Final = (
    "The retry test fails about one time in ten on CI. Find out why and fix it. "
    "Please don't just raise the timeout, I want to know what is really going on."
)

THOUGHT_START: Final = (
    "A test that fails one time in ten usually depends on time, on order, or on chance. Retry code has all three: a "
    "clock, a counter and jitter. Before reading anything I should see it fail, so that I know which assertion it is. "
    "I'll run it in a loop and stop at the first failure."
)
START: Final = "I'll reproduce it first: the same test in a loop until it fails, so we see *which* assertion breaks."

TODO: Final = (
    ("Reproduce the failure", "Reproducing the failure"),
    ("Find the cause in atlas/retry.py", "Finding the cause"),
    ("Fix it without touching the timeout", "Fixing it"),
    ("Prove it: 200 runs in a row", "Running it 200 times"),
)

LOOP: Final = "for i in $(seq 1 30); do pytest -q -x tests/test_retry.py || exit 1; done"
LOOP_OUTPUT: Final = """\
Exit code 1
......                                                                   [100%]
6 passed in 0.41s
......                                                                   [100%]
6 passed in 0.39s
....F
=================================== FAILURES ===================================
_______________________ test_gives_up_after_three_tries ________________________

clock = <tests.conftest.FakeClock object at 0x7f0d1c2e5a90>

    def test_gives_up_after_three_tries(clock):
        calls = []
        with pytest.raises(GaveUp):
            retry(lambda: calls.append(1) or fail(), limit=3, clock=clock)
>       assert len(calls) == 3
E       assert 2 == 3
E        +  where 2 = len([1, 1])

tests/test_retry.py:41: AssertionError
----------------------------- Captured stderr call -----------------------------
retry: attempt 1 failed, waiting 0.148 s
retry: attempt 2 failed, 0.661 s would pass the deadline
=========================== short test summary info ============================
FAILED tests/test_retry.py::test_gives_up_after_three_tries - assert 2 == 3
1 failed, 4 passed in 0.44s"""

READ_TEXT: Final = "Two calls instead of three, and the log talks of a *deadline*. Let me read the loop."
RETRY_PY: Final = '''\
     1\t"""Calling something again until it works."""
     2\t
     3\tfrom __future__ import annotations
     4\t
     5\timport random
     6\tfrom collections.abc import Callable
     7\tfrom typing import TypeVar
     8\t
     9\tfrom atlas.clock import Clock, REAL
    10\t
    11\tT = TypeVar("T")
    12\t
    13\t
    14\tclass GaveUp(Exception):
    15\t    """Every attempt failed. The last error is the cause."""
    16\t
    17\t
    18\tdef retry(call: Callable[[], T], limit: int = 5, budget: float = 1.0, clock: Clock = REAL) -> T:
    19\t    deadline = clock.now() + budget
    20\t    for attempt in range(1, limit + 1):
    21\t        try:
    22\t            return call()
    23\t        except ConnectionError as error:
    24\t            pause = 0.1 * 3 ** (attempt - 1) * random.uniform(1.0, 1.5) ** attempt
    25\t            if attempt == limit or clock.now() + pause > deadline:
    26\t                raise GaveUp(f"{attempt} attempts") from error
    27\t            clock.sleep(pause)
    28\t    raise AssertionError("unreachable")'''

THOUGHT_CAUSE: Final = (
    "The pause after attempt n is 0.1 * 3^(n-1) * u^n with u between 1.0 and 1.5. For n = 2 that is 0.3 to 0.675, so "
    "the first two pauses are 0.4 to 0.825 together: under the budget of 1.0. And yet the deadline was reached. So "
    "time passes that is in neither pause. Where does the test's clock get it from? And who else uses this function? "
    "I should know all callers before I change anything."
)
ASK_HELPER: Final = (
    "The pauses alone cannot use up the budget, so time must come from somewhere else. "
    "A helper goes through the callers and the test's clock."
)
HELPER_TASK: Final = "Find every caller of retry() and everything that patches random or the clock in tests"
HELPER_PROMPT: Final = (
    "Find every caller of `atlas.retry.retry` in this repository, with the arguments they pass, and everything in "
    "tests/ that patches `random` or replaces the clock. Report file:line for each. Do not change anything."
)
HELPER_GREP: Final = r"retry\(|random\.|FakeClock"
HELPER_GREP_OUTPUT: Final = """\
atlas/client.py:58:        return retry(self._send, limit=3)
atlas/sync.py:112:    return retry(lambda: self._pull(page), limit=8, budget=20.0)
atlas/retry.py:24:            pause = 0.1 * 3 ** (attempt - 1) * random.uniform(1.0, 1.5) ** attempt
tests/conftest.py:12:class FakeClock:
tests/conftest.py:31:@pytest.fixture
tests/test_retry.py:37:def test_gives_up_after_three_tries(clock):
tests/test_sync.py:19:    random.seed(7)"""
HELPER_READ: Final = '''\
    12\tclass FakeClock:
    13\t    """Time that passes only when somebody sleeps, plus what the call itself took."""
    14\t
    15\t    def __init__(self) -> None:
    16\t        self._now = 0.0
    17\t        self._began = time.monotonic()
    18\t
    19\t    def now(self) -> float:
    20\t        return self._now + (time.monotonic() - self._began)
    21\t
    22\t    def sleep(self, seconds: float) -> None:
    23\t        self._now += seconds'''
HELPER_ANSWER: Final = (
    "Three findings:\n\n"
    "1. `retry` has two callers: `atlas/client.py:58` (limit 3, default budget) and `atlas/sync.py:112` (limit 8, "
    "budget 20 s).\n"
    "2. Nothing patches `random` for `test_retry.py`; only `tests/test_sync.py:19` seeds it.\n"
    "3. `FakeClock.now()` at `tests/conftest.py:20` adds **real** elapsed time to the fake time."
)

FOUND: Final = (
    "There it is. `FakeClock` is not fake: it adds the real time since it was made. On a busy CI machine 0.2 s pass "
    "between two lines, and with an unlucky jitter the sum crosses the budget of 1.0 s. But the test only *uncovers* "
    "the real defect: `u ** attempt` lets the jitter grow with every attempt, so a user can lose the third try as well."
)

OLD: Final = (
    "            pause = 0.1 * 3 ** (attempt - 1) * random.uniform(1.0, 1.5) ** attempt\n"
    "            if attempt == limit or clock.now() + pause > deadline:\n"
    '                raise GaveUp(f"{attempt} attempts") from error\n'
    "            clock.sleep(pause)"
)
NEW: Final = (
    "            if attempt == limit:\n"
    '                raise GaveUp(f"{attempt} attempts") from error\n'
    "            pause = 0.1 * 3 ** (attempt - 1) * random.uniform(1.0, 1.5)\n"
    "            # A shorter pause is better than an attempt that was promised and never made.\n"
    "            clock.sleep(min(pause, max(0.0, deadline - clock.now())))"
)
PATCH: Final = (
    " def retry(call: Callable[[], T], limit: int = 5, budget: float = 1.0, clock: Clock = REAL) -> T:",
    "     deadline = clock.now() + budget",
    "     for attempt in range(1, limit + 1):",
    "         try:",
    "             return call()",
    "         except ConnectionError as error:",
    "-            pause = 0.1 * 3 ** (attempt - 1) * random.uniform(1.0, 1.5) ** attempt",
    "-            if attempt == limit or clock.now() + pause > deadline:",
    "+            if attempt == limit:",
    '                 raise GaveUp(f"{attempt} attempts") from error',
    "-            clock.sleep(pause)",
    "+            pause = 0.1 * 3 ** (attempt - 1) * random.uniform(1.0, 1.5)",
    "+            # A shorter pause is better than an attempt that was promised and never made.",
    "+            clock.sleep(min(pause, max(0.0, deadline - clock.now())))",
    '     raise AssertionError("unreachable")',
)
CLOCK_OLD: Final = "        return self._now + (time.monotonic() - self._began)"
CLOCK_NEW: Final = "        return self._now"
CLOCK_PATCH: Final = (
    "     def __init__(self) -> None:",
    "         self._now = 0.0",
    "-        self._began = time.monotonic()",
    " ",
    "     def now(self) -> float:",
    "-        return self._now + (time.monotonic() - self._began)",
    "+        return self._now",
)
HOOK_OUTPUT: Final = "ruff: All checks passed!\nmypy: Success: no issues found in 1 source file"

PROVE: Final = "pytest -q --count 200 tests/test_retry.py && pytest -q"
PROVE_OUTPUT: Final = """\
........................................................................ [  6%]
........................................................................ [ 12%]
… 14 more lines
1200 passed in 9.83s
........................................................................ [ 51%]
....................................................................     [100%]
140 passed in 6.02s"""

SUMMARY: Final = (
    "This session is being continued from a previous conversation that ran out of context. The summary below covers "
    "the earlier portion of the conversation.\n\nSummary:\n"
    "1. Primary request: find out why tests/test_retry.py fails one time in ten, and fix the cause.\n"
    "2. Cause: FakeClock mixes real and fake time; the jitter in atlas/retry.py grows with each attempt.\n"
    "3. Done: both fixed, no timeout changed. 200 runs in a row passed, and so did the whole suite.\n"
    "4. Left to do: explain it to the user."
)

ANSWER: Final = """\
## The flaky retry test is fixed

It failed for **two reasons that needed each other**: a fake clock that was not fake, and a jitter that grew.

| attempt | pause before | pause now | lost to the deadline before |
|--------:|-------------:|----------:|----------------------------:|
| 1 | 0.10 – 0.15 s | 0.10 – 0.15 s | never |
| 2 | 0.30 – 0.68 s | 0.30 – 0.45 s | about 1 in 10 on a busy machine |
| 3 | 0.90 – 3.04 s | what is left of the budget | often |

### What changed

1. `atlas/retry.py`: the jitter is applied once instead of `** attempt`, and an attempt that was promised is \
always made. If the budget is nearly spent, the *pause* gets shorter:

   ```python
   pause = 0.1 * 3 ** (attempt - 1) * random.uniform(1.0, 1.5)
   clock.sleep(min(pause, max(0.0, deadline - clock.now())))
   ```

2. `tests/conftest.py`: `FakeClock.now()` returns fake time only. No timeout was raised.

### How sure am I?

- 200 repetitions of the file: **1,200 passed**, none failed. Before, the chance of that was below one in a billion.
- The whole suite: 140 passed in 6.0 s.
- `atlas/sync.py` passes `budget=20.0` and used to give up early as well, so long syncs should survive one more outage.

> Worth a look later: nothing tests what happens when `budget` is *smaller* than the first pause. I left that alone.
"""
