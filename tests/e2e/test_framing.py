"""Frames in every piece that a stream can come in."""

import pickle
import random

from harness.case import YardCase
from harness.raw import around, frame
from harness.yard import VERSION


class Framing(YardCase):
    def test_byte_by_byte(self):
        connection = self.connect()
        for request, result in ((["ver"], VERSION), (["no such"], False), (["ver"], VERSION)):
            for byte in frame(request):
                connection.send(bytes([byte]))
            self.assertEqual(connection.reply()[0], result)

    def test_many_in_one_segment(self):
        connection = self.connect()
        connection.send((frame(["ver"]) + frame(["no such"])) * 100)
        self.assertEqual(connection.results(200), [VERSION, False] * 100)

    def test_cut_anywhere(self):
        connection = self.connect()
        whole = frame(["no such"], 0) + frame(["ver"], 4)
        for cut in range(1, len(whole)):
            connection.send(whole[:cut])
            connection.send(whole[cut:])
            self.assertEqual(connection.results(2), [False, VERSION], "cut after %d bytes" % cut)

    def test_pieces_of_any_size(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        connection = self.connect()
        requests = [chance.choice((["ver"], ["no such"], ["ver", "x" * chance.randrange(3000)])) for _ in range(200)]
        stream = b"".join(frame(request, chance.randrange(6)) for request in requests)
        while stream:
            size = chance.choice((1, 2, 7, 100, 1460, 9000))
            connection.send(stream[:size])
            stream = stream[size:]
        wanted = [VERSION if request == ["ver"] else False for request in requests]
        self.assertEqual(connection.results(len(requests)), wanted, "seed %d" % seed)

    def test_zeros_ahead_of_the_size(self):
        connection = self.connect()
        size, _, payload = frame(["ver"]).partition(b" ")
        for digits in range(len(size), 20):
            connection.send(size.rjust(digits, b"0") + b" " + payload)
            self.assertEqual(connection.reply()[0], VERSION, "%d digits" % digits)
        connection.send(size.rjust(20, b"0") + b" " + payload)
        connection.settle()

    def test_a_size_of_nothing_is_no_pickle_and_no_end(self):
        connection = self.connect()
        for nothing in (b"0 ", b"000 "):
            connection.send(nothing)
            connection.settle()

    def test_what_is_left_over_stays_in_the_buffer(self):
        connection = self.connect()
        one = frame(["ver"])
        for left in range(1, len(one)):
            connection.send(one + one[:left])
            self.assertEqual(connection.reply()[0], VERSION)
            connection.send(one[left:])
            self.assertEqual(connection.reply()[0], VERSION, "%d bytes left over" % left)

    def test_bytes_after_the_pickle_are_ignored(self):
        connection = self.connect()
        for protocol in range(6):
            connection.send(around(pickle.dumps(["ver"], protocol) + b"\x80\x04junk."))
            self.assertEqual(connection.reply()[0], VERSION)

    def test_replies_come_in_the_frame_that_requests_do(self):
        connection = self.connect()
        connection.send(frame(["ver"]))
        while not connection.buffer:
            connection.buffer = connection.socket.recv(1000)
        self.assertRegex(connection.buffer, rb"\A[1-9][0-9]* \x80\x02")
        self.assertEqual(connection.reply(), [VERSION])

    def test_the_end_of_a_stream_is_no_fault(self):
        """Who has said everything and closes its half is answered; half a message is forgotten."""
        connection = self.connect()
        connection.send(frame(["ver"]) + frame(["ver"])[:5])
        connection.socket.shutdown(1)
        self.assertEqual(connection.reply()[0], VERSION)
        self.assertTrue(connection.is_closed(within=10))
