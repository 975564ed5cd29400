"""Frames: cutting a stream that arrives in any pieces, and refusing what is none."""

import unittest

import support  # noqa: F401 (finds the package)
from pymmorpg import frame
from pymmorpg.errors import ProtocolError


def payloads(pieces, limit=frame.REPLY_BYTES_MAX):
    """All payloads in a stream that arrives in these pieces."""
    decoder, found = frame.Decoder(limit), []
    for piece in pieces:
        decoder.push(piece)
        while True:
            payload = decoder.next()
            if payload is None:
                break
            found.append(payload)
    return found


class Frames(unittest.TestCase):
    STREAM = b"3 abc0 11 a 2345678901 "
    PAYLOADS = [b"abc", b"", b"a 234567890"]

    def test_encode(self):
        self.assertEqual(frame.encode(b"abc"), b"3 abc")
        self.assertEqual(frame.encode(b""), b"0 ")

    def test_all_at_once(self):
        self.assertEqual(payloads([self.STREAM]), self.PAYLOADS)

    def test_in_two_pieces_wherever_the_cut(self):
        for cut in range(len(self.STREAM) + 1):
            self.assertEqual(payloads([self.STREAM[:cut], self.STREAM[cut:]]), self.PAYLOADS, cut)

    def test_byte_by_byte(self):
        self.assertEqual(payloads(self.STREAM[at : at + 1] for at in range(len(self.STREAM))), self.PAYLOADS)

    def test_what_is_left_over_waits(self):
        decoder = frame.Decoder()
        decoder.push(b"2 ab5 cd")
        self.assertEqual(decoder.next(), b"ab")
        self.assertIsNone(decoder.next())
        decoder.push(b"efg")
        self.assertEqual(decoder.next(), b"cdefg")

    def test_sizes_that_are_none(self):
        for stream in (b" 3", b"x", b"3x", b"-1 ", b"+1 ", b"1_0 ", b"1.0 ", b"\xd9\xa3 ", b"1" * 21, b"\n3 abc"):
            with self.subTest(stream), self.assertRaises(ProtocolError):
                payloads([stream])

    def test_the_limit(self):
        self.assertEqual(payloads([b"4 abcd"], limit=4), [b"abcd"])
        for stream in (b"5 ", b"5 abcde", b"18446744073709551615 "):
            with self.subTest(stream), self.assertRaises(ProtocolError):
                payloads([stream], limit=4)

    def test_leading_zeros_are_digits(self):
        self.assertEqual(payloads([b"0003 abc"]), [b"abc"])


if __name__ == "__main__":
    unittest.main()
