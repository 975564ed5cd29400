"""Messages that are none: ignored, each of them; and ten in a row are the end."""

import os
import pickle
import struct
import tempfile

from harness.case import YardCase
from harness.raw import Closed, around, frame, until
from harness.yard import VERSION

#: The counter of messages that were ignored.
BAD_MESSAGES = "gateway_bad_messages_total"


class Attack:
    """What every naive server runs."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, ("touch " + self.path,)


def sizes():
    """Frames whose size is none."""
    yield from (b"x", b" ", b"\n", b"\0", b"\xff\xff", b"-1 ", b"+4 ", b"1_0 ", b"0x10 ", b"1.5 ", b"4\t", b"GET / HTTP/1.1\r\n\r\n")
    yield from (b"99999999999999999999", b"00000000000000000000", b"1000000000000 ", b"18446744073709551616 ", b"9223372036854775807 ")
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # TLS


def payloads():
    """Payloads that cannot be unpickled under the rules."""
    yield from (b"", b"garbage", b".", b"(", b"]", b"\x80", b"\x80\x02", b"\x80\x63.", b"\x80\x02]", b"(lp0\n", b"e.", b"0.", b"t.", b"\x85.")
    # names, calls, and what builds objects
    yield from (b"cos\nsystem\n.", b"c__builtin__\neval\n.", b"\x80\x02c__builtin__\nset\n.", b"cos\nsystem\n(S'true'\ntR.")
    yield from (
        b"(i__main__\nX\n.",
        b"(c__main__\nX\no.",
        b"Pid\n.",
        b"\x80\x02K\x01Q.",
        b"\x80\x02]}b.",
        b"\x80\x02\x82\x01.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    )
    yield b"\x80\x02c__builtin__\nobject\n)\x81."
    # memo and marks
    yield from (b"h\x07.", b"j\xff\xff\xff\x7f.", b"g12\n.", b"1.", b"((((.")
    # sizes that lie
    yield from (b"\x80\x03B\xff\xff\xff\xff.", b"X\xff\xff\xff\x7fa.", b"\x80\x04\x95" + b"\xff" * 8 + b"N.", b"\x80\x04\x8e" + b"\xff" * 8 + b".")
    # numbers and texts
    yield from (
        b"Ix\n.",
        b"F1e\n.",
        b"L1x\n.",
        b"I" + b"9" * 5000 + b"\n.",
        b"\x80\x02\x8b" + struct.pack("<i", -1) + b".",
        b"S'abc\n.",
        b"X\x01\0\0\0\xff.",
        b"Vab\\u12\n.",
    )
    # bombs: nesting, and the memo that unfolds
    yield from (b"]" * 20000 + b"a" * 19999 + b".", b"N" + b"\x85" * 20000 + b".", b"]" + b"2a" * 26 + b".", b"(" * 60000)
    doubling = b"".join(b"(h%ch%clq%c" % (n, n, n + 1) for n in range(40))
    yield b"\x80\x02]q\0" + doubling + b"."
    # dicts and sets of what cannot be hashed
    yield from (b"\x80\x02}]Ns.", b"\x80\x04\x8f(]\x90.")


class BadMessages(YardCase):
    def test_each_kind_is_ignored(self):
        for bad in [*sizes(), *map(around, payloads())]:
            with self.subTest(bad[:60]), self.server.connect() as connection:
                connection.send(bad)
                connection.settle()
                self.assertEqual(connection.ask("ver"), VERSION)

    def test_nothing_in_a_pickle_is_run(self):
        connection = self.connect()
        with tempfile.TemporaryDirectory() as folder:
            for protocol in range(6):
                path = os.path.join(folder, "ran-%d" % protocol)
                connection.send(around(pickle.dumps(Attack(path), protocol)))
                connection.settle()
                connection.send(around(pickle.dumps(["ver", Attack(path)], protocol)))
                connection.settle()
            self.assertEqual(os.listdir(folder), [])

    def test_a_bad_message_has_no_reply(self):
        connection = self.connect()
        for bad in (around(b"garbage"), b"x"):
            connection.send(bad)
            connection.settle()  # which would find a reply too many
            self.assertEqual(connection.buffer, b"")

    def test_good_messages_ahead_of_a_fault_are_answered(self):
        for bad in (b"x", around(b"garbage"), b"99999999999999999999 "):
            connection = self.connect()
            connection.send(frame(["ver"]) * 3 + frame(["no such"]) + bad)
            self.assertEqual(connection.results(4), [VERSION] * 3 + [False])
            connection.settle()

    def test_a_fault_empties_the_buffer(self):
        """What was read together with it is gone, however good it looks."""
        for bad in (b"x", around(b"garbage"), b"70000000 "):
            connection = self.play("Lost")
            connection.send(frame(["ver"]) + bad + frame(["get", connection.name, "name"]))
            self.assertEqual(connection.reply()[0], VERSION)
            answers = []

            def ask():
                connection.send(frame(["ver"]))
                try:
                    answers.append(connection.reply(deadline=0.03)[0])
                    return True
                except OSError:
                    return False

            until(ask, "the conversation goes on")
            self.assertEqual(answers, [VERSION], "the message behind %r was answered" % bad)

    def test_a_size_over_the_limit_costs_no_waiting(self):
        """The fault is the size: the bytes that it promises are not waited for."""
        connection = self.connect()
        connection.send(b"65537 ")
        connection.settle()

    def test_no_requests_are_no_bad_messages(self):
        """They are answered, so the conversation stays in step; and they are never the end."""
        connection = self.connect()
        for request in [[], {}, "ver", None, ["no such"], ["ver", 1]] * 5:
            connection.send(frame(request))
            self.assertEqual(connection.reply()[0], False)

    def test_login_survives_bad_messages(self):
        connection = self.play("Clumsy")
        connection.send(b"x")
        connection.settle()
        self.assertEqual(connection.ask("get", connection.name, "name"), connection.name)


class GivingUp(YardCase):
    """Bad messages have no reply, so the tests count them where the server does: in its metrics."""

    def send_bad(self, connection, bad, count):
        """So many bad messages, each one sent when the one before has been read."""
        for _ in range(count):
            before = self.server.metric(BAD_MESSAGES)
            connection.send(bad)
            until(lambda: self.server.metric(BAD_MESSAGES) > before, "the bad message is counted", pause=0.005)

    def test_the_tenth_in_a_row_closes(self):
        for bad in (b"x", around(b"garbage"), b"0 "):
            connection = self.connect()
            self.send_bad(connection, bad, 9)
            self.assertFalse(connection.is_closed(within=0.3), "closed before the tenth")
            connection.send(bad)
            self.assertTrue(connection.is_closed(within=10), "open after the tenth")

    def test_a_good_message_begins_the_count_anew(self):
        connection = self.connect()
        for good, result in ((["ver"], VERSION), (["no such"], False), (["ver"], VERSION)):
            self.send_bad(connection, b"x", 9)
            connection.send(frame(good))
            self.assertEqual(connection.reply()[0], result)

    def test_replies_that_are_due_come_before_the_end(self):
        connection = self.play("Quitter")
        self.send_bad(connection, b"x", 8)
        connection.send_all([["set", connection.name, "n", n] for n in range(50)])
        connection.results(50)
        self.send_bad(connection, b"x", 9)
        connection.send(b"x")
        with self.assertRaises(Closed):
            connection.reply()

    def test_others_do_not_notice(self):
        other = self.play("Bystander")
        connection = self.connect()
        self.send_bad(connection, b"x", 9)
        connection.send(b"x")
        self.assertTrue(connection.is_closed(within=10))
        self.assertEqual(other.ask("ver"), VERSION)
