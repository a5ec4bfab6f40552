"""The HTTP receiver of webhooks: off until it is switched on, on this machine only unless the user says otherwise.

A request is checked against limits and its signature, put into the spool and answered; all else comes afterwards. Every
verdict gets the same answer, so that nobody learns which triggers there are. Who is too much is asked to come again.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from typing_extensions import override

from store.errors import StoreError
from store.spool import Arrived, FullError

log = logging.getLogger(__name__)

MAX_BODY: Final = 10 << 20  # bytes
BODIES: Final = 32 << 20  # bytes of bodies in memory at a time, of all connections
READ_S: Final = 10.0  # for a whole request: who sends slower is cut off
CONNECTIONS: Final = 64
WAIT_S: Final = 0.2  # for one of them
DRAIN: Final = 64 << 20  # bytes that are read and thrown away, so that who sends too much sees the answer
HEADERS: Final = 100
HOOKS: Final = "/hooks/"
ANSWER: Final = b'{"status":"ok"}\n'
# What is kept of a request's headers: what senders say, and nothing about who asked through which tunnel.
_KEPT: Final = ("content-type", "user-agent")
_PREFIXES: Final = ("x-github-", "x-hub-", "linear-", "x-signature", "x-webhook-", "webhook-", "stripe-", "x-event",
                    "x-delivery-")  # fmt: skip

Check = Callable[[str, dict[str, str], bytes, float], tuple[int | None, str]]
"""(slug, headers, body, now) → (trigger, why it is refused or '')."""


class Receiver(ThreadingHTTPServer):
    """Listens from `start` to `stop`, on threads of its own."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(
        self, host: str, port: int, check: Check, put: Callable[[Arrived], None], read_s: float = READ_S,
        connections: int = CONNECTIONS, stir: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """Binds. Raises StoreError when the address is taken or cannot be had. Port 0: any free one."""
        host = host.strip().removeprefix("[").removesuffix("]")  # as an address of IPv6 is written before a port
        self.check, self.put, self.read_s, self.stir = check, put, read_s, stir
        self.received = self.refused = self.busy = 0
        self._slots = threading.BoundedSemaphore(connections)
        self._bytes = 0  # of bodies
        self._open: dict[socket.socket, float] = {}
        self._mine = threading.Lock()
        self._bell, self._ear = socket.socketpair()
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, name="receiver", daemon=True)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            self._bell.close()
            self._ear.close()
            raise StoreError(_why(error, host, port)) from error
        self.port = int(self.server_address[1])
        self.open = not is_local(str(self.server_address[0]))
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No further requests; the port is free when this returns."""
        self._stopping = True
        self._bell.send(b"x")
        self._thread.join()
        self.server_close()
        with self._mine:
            left = list(self._open)
        for one in left:
            _shut(one)
        self._bell.close()
        self._ear.close()

    @override
    def server_bind(self) -> None:
        # Without the look-up of our own name that HTTPServer makes: that may take seconds.
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows: reuse would share the port
            self.allow_reuse_address = False
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        elif self.allow_reuse_address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(self._ear, selectors.EVENT_READ)
            while not self._stopping:
                with self._mine:
                    some = bool(self._open)
                ready = selector.select(1.0 if some else None)  # nobody connected: nothing to do, and no wake-up
                if any(key.fileobj is self for key, _ in ready) and not self._stopping:
                    self._handle_request_noblock()  # type: ignore[attr-defined]
                self._cut_off()

    def room(self, size: int) -> bool:
        """Take memory for a body of that size, to be given back with `give`; not announced, but come."""
        with self._mine:
            fits = self._bytes + size <= BODIES
            self._bytes += size * fits
        return fits

    def give(self, size: int) -> None:
        with self._mine:
            self._bytes -= size

    def _cut_off(self) -> None:
        """A time limit per read would let a slow sender keep a connection for ever."""
        end = time.monotonic() - self.read_s
        with self._mine:
            late = [one for one, since in self._open.items() if since < end]
        for one in late:
            _shut(one)

    @override
    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        assert isinstance(request, socket.socket)  # noqa: S101 - TCP
        self.stir()
        if not self._slots.acquire(timeout=WAIT_S):
            self.busy += 1
            with contextlib.suppress(OSError):
                request.settimeout(0.1)
                request.sendall(b"HTTP/1.0 503 Busy\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n")
            self.shutdown_request(request)
            return
        with self._mine:
            self._open[request] = time.monotonic()
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the system has no thread left: its place is free again
            self._let_go(request)
            raise

    @override
    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._let_go(request)

    def _let_go(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        with self._mine:
            self._open.pop(request, None)  # type: ignore[arg-type]
        self._slots.release()

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        log.exception("a request could not be read")  # noqa: LOG004 - called in the handler of one


class Handler(BaseHTTPRequestHandler):
    """One request, one answer, and the connection is closed."""

    server: Receiver
    server_version = "Playhead"
    sys_version = ""
    timeout = READ_S
    taken = 0  # bytes of `BODIES`

    def do_POST(self) -> None:
        try:
            self._post()
        finally:
            self._give()

    def _give(self) -> None:
        taken, self.taken = self.taken, 0
        self.server.give(taken)

    def _post(self) -> None:
        path = self.path.partition("?")[0]
        slug = path[len(HOOKS) :] if path.startswith(HOOKS) else ""
        headers = _kept(self.headers.items())
        now = time.time()
        try:
            size, body, wrong = self._body()
        except FullError:
            self._give()
            self.server.busy += 1
            self._answer(503, b"")
            self._drain(MAX_BODY)
            return
        trigger: int | None = None
        try:
            if not wrong:
                trigger, wrong = self.server.check(slug[:100], headers, body, now)
            record = Arrived(int(now * 1e6), trigger, slug[:100], size, headers, b"" if wrong else body, wrong)
            self.server.put(record)
        except (FullError, OSError) as error:
            log.warning("a delivery could not be taken: %s", str(error) or "too much waits")
            self.server.busy += 1
            self._answer(503, b"")
            self._drain(size - len(body))
            return
        self.server.received += 1
        self.server.refused += bool(wrong)
        self._answer(200, ANSWER)
        if len(body) < size:
            self._drain(size)

    def do_GET(self) -> None:
        self._answer(405, b"")

    do_PUT = do_DELETE = do_PATCH = do_GET

    def do_HEAD(self) -> None:
        self._answer(405, b"")

    def _body(self) -> tuple[int, bytes, str]:
        """(its size as announced, itself, why it is refused). Raises FullError."""
        if "Origin" in self.headers or "Sec-Fetch-Mode" in self.headers:
            return 0, b"", "It came from a web page: browsers may send anything here, and no sender of webhooks is one."
        told = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not told.isascii() or not told.isdigit() or len(told) > 15:
            return 0, b"", "The request says no size (Content-Length)."
        size = int(told)
        if size > MAX_BODY:
            return size, b"", f"The body has {size:,} bytes: at most {MAX_BODY:,} are taken."
        body = bytearray()
        end = time.monotonic() + self.server.read_s
        try:
            while len(body) < size:
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self.connection.settimeout(left)
                some = self.rfile.read1(min(size - len(body), 1 << 18))
                if not some:
                    return size, b"", "The connection ended before the body did."
                if not self.server.room(len(some)):
                    raise FullError
                self.taken += len(some)
                body += some
        except OSError:
            return size, b"", f"The body did not come within {self.server.read_s:g} s."
        return size, bytes(body), ""

    def _answer(self, code: int, body: bytes) -> None:
        with contextlib.suppress(OSError):  # who does not wait for it
            self.send_response_only(code)
            if code == 503:
                self.send_header("Retry-After", "5")
            if body:
                self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        self.close_connection = True

    def _drain(self, size: int) -> None:
        """Closing a connection that still brings something would take the answer with it."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            left = min(size, DRAIN)
            while left > 0 and (some := self.connection.recv(1 << 18)):
                left -= len(some)

    @override
    def log_message(self, format: str, *args: object) -> None:
        log.debug(format, *args)


def is_local(host: str) -> bool:
    """Whether only programs of this machine reach what listens at this address."""
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _kept(headers: list[tuple[str, str]]) -> dict[str, str]:
    lower = ((name.lower(), value) for name, value in headers[:HEADERS])
    return {name: value[:1000] for name, value in lower if name in _KEPT or name.startswith(_PREFIXES)}


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken, perhaps by another Playhead: close that one, or choose another port "
            "(receiver.port)."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} may not be used: choose one above 1023 (receiver.port)."
    return f"Nothing can listen on {host}:{port} ({error.strerror or error}): check receiver.host and receiver.port."
