"""``size SP payload``: where one message ends and the next begins. Knows no sockets and no pickles."""

from typing import Optional

from .errors import ProtocolError

#: The longest reply that a client takes unless told otherwise: room for a client image of 100 MB and more.
REPLY_BYTES_MAX = 256 * 1024 * 1024

#: Digits of the longest size that can be meant: 2**64 has twenty.
SIZE_DIGITS_MAX = 20


def encode(payload: bytes) -> bytes:
    """One frame around a payload."""
    return b"%d %b" % (len(payload), payload)


class Decoder:
    """Cuts what arrives, in whatever pieces, into payloads."""

    def __init__(self, payload_bytes_max: int = REPLY_BYTES_MAX) -> None:
        self._payload_bytes_max = payload_bytes_max
        self._buffer = bytearray()
        self._size: Optional[int] = None

    def push(self, data: bytes) -> None:
        """Takes bytes in the order in which they arrived."""
        self._buffer += data

    def next(self) -> Optional[bytes]:
        """The next whole payload; None while it has not arrived."""
        if self._size is None:
            self._size = self._take_size()
        if self._size is None or len(self._buffer) < self._size:
            return None
        payload = bytes(self._buffer[: self._size])
        del self._buffer[: self._size]
        self._size = None
        return payload

    def _take_size(self) -> Optional[int]:
        end = self._buffer.find(b" ", 0, SIZE_DIGITS_MAX + 1)
        digits = bytes(self._buffer[: SIZE_DIGITS_MAX + 1] if end < 0 else self._buffer[:end])
        if (digits and not digits.isdigit()) or (end < 0 and len(digits) > SIZE_DIGITS_MAX) or end == 0:
            raise ProtocolError("a frame begins with %r, which is no size" % digits)
        if end < 0:
            return None
        if int(digits) > self._payload_bytes_max:
            raise ProtocolError(
                "a reply of %s bytes is over the limit of %d" % (digits.decode(), self._payload_bytes_max)
            )
        del self._buffer[: end + 1]
        return int(digits)
