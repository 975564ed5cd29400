"""A client's connection for asyncio: requests out in one write, replies in their order."""

import asyncio
import pickle
from collections.abc import Iterable

from harness.raw import frame

#: No reply is larger.
_REPLY_BYTES_MAX = 1 << 22


class Lost(Exception):
    """The connection is gone, or could not be made: what was unanswered has an unknown outcome."""


class Client:
    """One TCP connection to a gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader, self._writer = reader, writer
        #: How many bytes of replies have come.
        self.received_bytes = 0

    @classmethod
    async def open(cls, address: tuple[str, int]) -> "Client":
        try:
            return cls(*await asyncio.open_connection(*address, limit=_REPLY_BYTES_MAX))
        except OSError as error:
            raise Lost(str(error)) from error

    def send(self, requests: Iterable[list]) -> None:
        """Many requests in one write."""
        self._writer.write(b"".join(map(frame, requests)))

    async def reply(self):
        """The next reply's result, without flags."""
        try:
            size = await self._reader.readuntil(b" ")
            payload = await self._reader.readexactly(int(size))
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Lost(str(error)) from error
        self.received_bytes += len(size) + len(payload)
        return pickle.loads(payload)[0]

    async def ask(self, *request):
        """One request and its result."""
        self.send([list(request)])
        return await self.reply()

    def close(self) -> None:
        self._writer.close()
