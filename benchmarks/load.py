"""A load generator that costs little itself: keep-alive connections over bare sockets, one request at a time on each."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """What came of a run: requests a second, latency in milliseconds, the body's size, and how many answers were of another status."""

    rate: float
    p50_ms: float
    p99_ms: float
    requests: int
    body_bytes: int
    failures: int


class _Connection(asyncio.Protocol):
    """One keep-alive connection that asks for one thing after the other, as long as there are any."""

    def __init__(self, requests: Iterator[bytes], until: float, latencies: list[float], status: int) -> None:
        self.requests = requests
        self.begins = b"http/1.1 %d" % status
        self.until = until
        self.latencies = latencies
        self.failures = 0
        self.body_bytes = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self.transport = transport
        self._ask()

    def _ask(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            return
        self._sent = time.perf_counter()
        self.transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Take an answer when it is whole, and ask again."""
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < head_end + 4 + length:
            return
        now = time.perf_counter()
        self.latencies.append(now - self._sent)
        self.failures += not head.startswith(self.begins)
        self.body_bytes = length
        self._buffer = b""
        if now < self.until:
            self._ask()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The run is over, or the server hung up."""
        if not self.done.done():
            self.done.set_result(None)


def _request(url: str, headers: Mapping[str, str]) -> bytes:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


async def load(
    url: str | Sequence[str],
    headers: Mapping[str, str],
    *,
    connections: int,
    seconds: float,
    warm_up_s: float = 0.5,
    status: int = 200,
) -> Load:
    """Ask `url` over so many connections for so long; the first moments are not counted. Of several, each is asked once."""
    if warm_up_s:
        await load(url, headers, connections=connections, seconds=warm_up_s, warm_up_s=0, status=status)
    parts = urlsplit(url if isinstance(url, str) else url[0])
    requests = repeat(_request(url, headers)) if isinstance(url, str) else iter([_request(one, headers) for one in url])
    latencies: list[float] = []
    started = time.perf_counter()
    made = [
        (
            await asyncio.get_running_loop().create_connection(
                lambda: _Connection(requests, started + seconds, latencies, status), parts.hostname or "", parts.port or 80
            )
        )[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(one.done for one in made))
    elapsed = time.perf_counter() - started
    ordered = sorted(latencies)
    return Load(
        rate=len(latencies) / elapsed,
        p50_ms=statistics.median(ordered) * 1000,
        p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
        requests=len(latencies),
        body_bytes=max(one.body_bytes for one in made),
        failures=sum(one.failures for one in made),
    )
