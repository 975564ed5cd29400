"""Bounds that protect the server, each made small here by a setting."""

import pickle
import socket
import struct
import subprocess
import time
import unittest

from harness.case import YardCase
from harness.raw import around, frame, until
from harness.server import BINARY, run_command
from harness.yard import VERSION


class Connections(YardCase):
    environment = {"PYMMORPG_GATEWAY__CONNECTIONS_PER_ADDRESS_MAX": "5", "PYMMORPG_GATEWAY__CONNECTION_COUNT_MAX": "8"}

    def connect_from(self, address):
        """A connection from another address of this machine."""
        connection = socket.socket()
        connection.bind((address, 0))
        connection.settimeout(10)
        connection.connect(self.server.address)
        self.addCleanup(connection.close)
        return connection

    def is_served(self, connection):
        try:
            connection.sendall(frame(["ver"]))
            return connection.recv(1000) != b""
        except ConnectionError:
            return False

    def test_from_one_address_and_in_all(self):
        one = [self.connect_from("127.0.0.2") for _ in range(5)]
        self.assertTrue(all(map(self.is_served, one)))
        self.assertFalse(self.is_served(self.connect_from("127.0.0.2")), "the sixth of an address")
        other = [self.connect_from("127.0.0.3") for _ in range(3)]
        self.assertTrue(all(map(self.is_served, other)), "another address has places of its own")
        self.assertFalse(self.is_served(self.connect_from("127.0.0.4")), "the ninth in all")
        self.assertTrue(all(map(self.is_served, one + other)), "who is in stays in")
        one.pop().close()
        until(lambda: self.is_served(self.connect_from("127.0.0.2")), "a place that was left is free again")


class Frames(YardCase):
    environment = {"PYMMORPG_GATEWAY__FRAME_BYTES_MAX": "1000", "PYMMORPG_GATEWAY__BAD_MESSAGES_MAX": "3"}

    def test_the_largest(self):
        connection = self.connect()
        payload = pickle.dumps(["ver"], 2)
        connection.send(around(payload.ljust(1000, b"x")))
        self.assertEqual(connection.reply()[0], VERSION)
        connection.send(around(payload.ljust(1001, b"x")))
        connection.settle()

    def test_so_many_bad_ones_as_the_setting_says(self):
        connection = self.connect()
        for _ in range(2):
            before = self.server.metric("gateway_bad_messages_total")
            connection.send(b"1001 ")
            until(lambda: self.server.metric("gateway_bad_messages_total") > before, "it is counted")
        self.assertEqual(connection.ask("ver"), VERSION)
        for _ in range(3):
            before = self.server.metric("gateway_bad_messages_total")
            connection.send(b"1001 ")
            until(lambda: self.server.metric("gateway_bad_messages_total") > before, "it is counted")
        self.assertTrue(connection.is_closed(within=10))


class DefaultFrames(YardCase):
    def test_64_kib(self):
        connection = self.connect()
        payload = pickle.dumps(["ver"], 2)
        connection.send(around(payload.ljust(65536, b"x")))
        self.assertEqual(connection.reply()[0], VERSION)
        connection.send(b"65537 ")
        connection.settle()


class Times(YardCase):
    environment = {"PYMMORPG_GATEWAY__MESSAGE_TIMEOUT_MS": "1000", "PYMMORPG_GATEWAY__IDLE_TIMEOUT_MS": "4000"}

    def test_a_message_that_never_ends(self):
        for part in (b"5", frame(["ver"])[:-1], b"60000 "):
            connection = self.connect()
            connection.send(part)
            begin = time.monotonic()
            self.assertTrue(connection.is_closed(within=10), part)
            self.assertGreater(time.monotonic() - begin, 0.9)
            self.assertLess(time.monotonic() - begin, 3.5)

    def test_a_message_that_dribbles(self):
        """The deadline is that of the whole message: bytes do not prolong it."""
        connection = self.connect()
        begin = time.monotonic()
        connection.send(b"1000 ")
        try:
            while time.monotonic() - begin < 10:
                connection.send(b"x")
                if connection.is_closed(within=0.05):
                    break
        except ConnectionError:
            pass
        self.assertLess(time.monotonic() - begin, 3.5)

    def test_the_next_message_has_its_own_time(self):
        """Together they take longer than one may."""
        connection = self.connect()
        begin = time.monotonic()
        while time.monotonic() - begin < 3:
            for byte in frame(["ver"]):
                connection.send(bytes([byte]))
            self.assertEqual(connection.reply()[0], VERSION)

    def test_who_is_silent_too_long(self):
        connection, active = self.connect(), self.connect()
        begin = time.monotonic()
        while not connection.is_closed(within=0.1) and time.monotonic() - begin < 15:
            self.assertEqual(active.ask("ver"), VERSION)
        self.assertGreater(time.monotonic() - begin, 3.5)
        self.assertLess(time.monotonic() - begin, 9)

    def test_whose_client_has_gone_leaves_the_world(self):
        """Closed or reset, the character is out of the world soon."""
        watcher = self.play("Watcher")
        for how in ("close", "reset", "silence"):
            player = self.play("Ghost")
            self.until_seen(watcher, player.name)
            if how == "reset":
                player.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if how != "silence":
                player.close()
            self.until_unseen(watcher, player.name, deadline=12)


class Rate(YardCase):
    environment = {"PYMMORPG_GATEWAY__MESSAGES_PER_SECOND_MAX": "50"}

    def test_messages_above_it_are_read_later_and_not_refused(self):
        connection, other = self.connect(), self.connect()
        begin = time.monotonic()
        connection.send(frame(["ver"]) * 150)
        self.assertEqual(connection.results(150), [VERSION] * 150)
        self.assertGreater(time.monotonic() - begin, 1.5, "a burst of 50, and then 50 in a second")
        self.assertLess(time.monotonic() - begin, 8)
        begin = time.monotonic()
        self.assertEqual(other.ask("ver"), VERSION)
        self.assertLess(time.monotonic() - begin, 1)


class Settings(unittest.TestCase):
    """What is wrong with a setting is said before anything is bound, with its name and where it comes from."""

    def refused(self, *arguments, **environment):
        done = subprocess.run(
            [BINARY, "up", "--data", "/nonexistent/never", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment, PATH="/usr/bin:/bin"),
            timeout=20,
            text=True,
        )
        self.assertNotEqual(done.returncode, 0)
        return done.stdout

    def test_a_wrong_value(self):
        printed = self.refused(PYMMORPG_GATEWAY__FRAME_BYTES_MAX="many")
        self.assertRegex(printed, r"(?i)frame_bytes_max")
        self.assertIn("many", printed)
        self.assertIn("PYMMORPG_GATEWAY__FRAME_BYTES_MAX", printed.upper())

    def test_an_unknown_key(self):
        self.assertRegex(self.refused(PYMMORPG_GATEWAY__FRAME_BITES_MAX="5"), r"(?i)frame_bites_max")

    def test_a_wrong_flag(self):
        self.assertIn("--listen", self.refused("--listen", "nowhere"))

    def test_help(self):
        for command in ([], ["up"], ["world"], ["world", "check"], ["account"], ["account", "grant"]):
            self.assertIn("Example", run_command(*command, "--help"))
