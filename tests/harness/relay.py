"""TCP proxies whose connections can be cut: a process of its own, so that nobody who measures time pays for the copying.

It reads a JSON object a line and answers each with one:
{"forward": PORT}                                                → {"port": where it listens, forwarding to 127.0.0.1:PORT}
{"cut": PORT, "from": PID or null, "for": SECONDS or null}       → {"count": of the connections that are cut}
{"lead": PORT, "to": PORT}                                       → {"count": of the connections that are cut}; new ones lead to the other port
A cut is a reset of both ends; or, for so many seconds, a hole: nothing goes through, neither bytes nor the news of an end.
"""

import asyncio
import json
import os
import socket
import struct
import sys
from pathlib import Path

#: Bytes that may wait for one end before no more are read from the other.
_WAITING_BYTES_MAX = 1 << 20


class _End(asyncio.Protocol):
    """One end of a connection through us; what it reads it writes to the other."""

    def __init__(self, pair: "_Pair"):
        self.pair = pair
        self.other: "_End | None" = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(_WAITING_BYTES_MAX)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pair.opened(self)

    def data_received(self, data):
        if self.other is None or self.other.transport is None:
            self.pair.early += data
        else:
            self.other.transport.write(data)

    def pause_writing(self):
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self):
        if self.other is not None and self.other.transport is not None and not self.pair.is_held:
            self.other.transport.resume_reading()

    def connection_lost(self, error):
        self.pair.closed(is_reset=error is not None)


class _Pair:
    """A connection through us: who came, and where it leads."""

    def __init__(self, proxy: "_Proxy"):
        self.proxy = proxy
        self.early = b""
        self.near = _End(self)
        self.far = _End(self)
        self.is_held = False

    @property
    def client_port(self) -> int:
        assert self.near.transport is not None
        return self.near.transport.get_extra_info("peername")[1]

    def opened(self, end: _End) -> None:
        if end is self.near:
            self.proxy.pairs.add(self)
            asyncio.ensure_future(self._connect())
            return
        self.near.other, self.far.other = self.far, self.near
        assert end.transport is not None
        end.transport.write(self.early)
        self.early = b""

    async def _connect(self) -> None:
        if hole := self.proxy.hole_of(self):
            self.hold(hole)
        while self.is_held:
            await asyncio.sleep(0.02)
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.far, "127.0.0.1", self.proxy.target)
        except OSError:
            self.closed(is_reset=True)

    def hold(self, seconds: float) -> None:
        """Lets nothing through for so long."""
        self.is_held = True
        for end in (self.near, self.far):
            if end.transport is not None:
                end.transport.pause_reading()
        asyncio.get_running_loop().call_later(seconds, self._let_go)

    def _let_go(self) -> None:
        self.is_held = False
        for end in (self.near, self.far):
            if end.transport is not None and not end.transport.is_closing():
                end.transport.resume_reading()

    def closed(self, is_reset: bool) -> None:
        """Ends both ends, in the way that one has ended."""
        self.proxy.pairs.discard(self)
        for end in (self.near, self.far):
            if end.transport is None or end.transport.is_closing():
                continue
            if is_reset:
                sock = end.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.transport.abort()
            else:
                end.transport.close()


class _Proxy:
    """A port that leads to another."""

    def __init__(self, target: int):
        self.target = target
        self.pairs: set[_Pair] = set()
        #: By whom it comes, None for everybody: until when nothing goes through.
        self._holes: dict[int | None, float] = {}

    async def listen(self) -> int:
        server = await asyncio.get_running_loop().create_server(lambda: _Pair(self).near, "127.0.0.1", 0)
        self._server = server
        return server.sockets[0].getsockname()[1]

    def cut(self, process: int | None, seconds: float | None) -> int:
        ports = None if process is None else _ports_of(process)
        found = [pair for pair in self.pairs if ports is None or pair.client_port in ports]
        if seconds is not None:
            self._holes[process] = asyncio.get_running_loop().time() + seconds
        for pair in found:
            if seconds is None:
                pair.closed(is_reset=True)
            else:
                pair.hold(seconds)
        return len(found)

    def hole_of(self, pair: _Pair) -> float:
        """How long nothing of a new connection goes through."""
        now = asyncio.get_running_loop().time()
        self._holes = {process: end for process, end in self._holes.items() if end > now}
        ends = [end for process, end in self._holes.items() if process is None or pair.client_port in _ports_of(process)]
        return max(ends, default=now) - now


def _ports_of(process: int) -> set[int]:
    """The local ports of a process's TCP connections, as the kernel lists them; none if it has ended."""
    try:
        sockets = {_target(handle.path) for handle in os.scandir("/proc/%d/fd" % process)}
    except FileNotFoundError:
        return set()
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return {int(field[1].split(":")[1], 16) for field in fields if "socket:[%s]" % field[9] in sockets}


def _target(handle: str) -> str | None:
    """What an open file of a process is; None if it has been closed meanwhile."""
    try:
        return os.readlink(handle)
    except FileNotFoundError:
        return None


async def main() -> None:
    proxies: dict[int, _Proxy] = {}
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if "forward" in order:
            proxy = _Proxy(order["forward"])
            port = await proxy.listen()
            proxies[port] = proxy
            answer = {"port": port}
        elif "lead" in order:
            proxies[order["lead"]].target = order["to"]
            answer = {"count": proxies[order["lead"]].cut(None, None)}
        else:
            answer = {"count": proxies[order["cut"]].cut(order["from"], order["for"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
