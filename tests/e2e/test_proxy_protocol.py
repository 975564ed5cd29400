"""Proxies that say by the PROXY protocol whom they bring. They are addresses of this machine here, as their clients would be."""

import json
import re
import socket
import struct
import time

from harness import haproxy
from harness.case import YardCase
from harness.raw import Closed, Raw, frame, until
from harness.server import run_command
from harness.yard import VERSION

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _TCP4, _UDP4, _TCP6 = 0x00, 0x11, 0x12, 0x21


def _header(command, family, rest=b""):
    return _SIGNATURE + struct.pack(">BBH", command, family, len(rest)) + rest


def _of(client, port=4000, more=b""):
    """The header of a client with an address of either kind."""
    kind = socket.AF_INET6 if ":" in client else socket.AF_INET
    addresses = socket.inet_pton(kind, client) + socket.inet_pton(kind, "::1" if ":" in client else "127.0.0.1")
    return _header(_PROXY, _TCP6 if ":" in client else _TCP4, addresses + struct.pack(">HH", port, 7777) + more)


def closed_count(server, reason):
    text = server.fetch("/metrics")[1]
    return sum(map(float, re.findall(r'^gateway_closed_total\{reason="%s"\} (\S+)$' % reason, text, re.M)))


class ProxyProtocol(YardCase):
    environment = {
        # The comma and the single address are the environment's way to write a list.
        "PYMMORPG_GATEWAY__PROXY_PROTOCOL": "127.0.9.0/24, 127.0.8.1",
        "PYMMORPG_GATEWAY__CONNECTIONS_PER_ADDRESS_MAX": "3",
        "PYMMORPG_GATEWAY__CONNECTION_COUNT_MAX": "12",
        "RUST_LOG": "info,gateway=debug",
    }

    def setUp(self):
        until(lambda: self.server.metric("gateway_connections") == 0, "those of the last test have gone")

    def connect_from(self, address, header=b""):
        connection = Raw(self.server.address, source=address)
        self.addCleanup(connection.close)
        connection.send(header)
        return connection

    def by_proxy(self, header, proxy="127.0.9.1"):
        return self.connect_from(proxy, header)

    def is_served(self, connection):
        try:
            return connection.ask("ver") == VERSION
        except (Closed, ConnectionError):
            return False

    def assert_closed(self, connection, reason, before, within=2.0):
        self.assertTrue(connection.is_closed(within=within))
        until(lambda: closed_count(self.server, reason) == before + 1, "it is counted as %s" % reason)

    def test_who_is_brought_counts(self):
        """Whatever the proxy is: one client has its places, and others are not in its way."""
        one = [self.by_proxy(_of("192.0.2.1", port), "127.0.9.%d" % (port % 2)) for port in range(4001, 4004)]
        self.assertTrue(all(map(self.is_served, one)))
        before = closed_count(self.server, "address_full")
        self.assert_closed(self.by_proxy(_of("192.0.2.1")), "address_full", before)
        for client in ("192.0.2.2", "2001:db8::1", "2001:db8::2"):
            self.assertTrue(self.is_served(self.by_proxy(_of(client))), client)
        self.assertTrue(self.is_served(self.by_proxy(_of("192.0.2.3", more=b"\x04\0\x02ab"), "127.0.8.1")), "a single address is trusted, too")
        one.pop().close()
        until(lambda: self.is_served(self.by_proxy(_of("192.0.2.1"))), "a place that was left is free again")

    def test_an_address_of_ipv4_is_one_however_it_is_written(self):
        for _ in range(3):
            self.assertTrue(self.is_served(self.by_proxy(_of("::ffff:192.0.2.4"))))
        self.assertFalse(self.is_served(self.by_proxy(_of("192.0.2.4"))))

    def test_logs_name_the_client(self):
        player = self.by_proxy(_of("192.0.2.9", 4321))
        name = self.name("Anna")
        self.assertIs(player.ask("new", name, "secret"), True)

        def logged():
            lines = [json.loads(line) for line in self.server.log_text().splitlines() if line.startswith("{") and '"logged in"' in line]
            return [line for line in lines if name in json.dumps(line)]

        line = json.dumps(until(logged, "the login is logged")[0])
        self.assertIn('"peer": "192.0.2.9:4321"', line)
        self.assertIn('"proxy": "127.0.9.1:', line)

    def test_byte_by_byte(self):
        connection = self.by_proxy(b"")
        for byte in _of("192.0.2.5") + frame(["ver"]):
            connection.send(bytes([byte]))
        self.assertEqual(connection.reply()[0], VERSION)

    def test_the_first_request_comes_with_it(self):
        connection = self.by_proxy(_of("192.0.2.6") + frame(["ver"]) + frame(["ver"]))
        self.assertEqual(connection.results(2), [VERSION] * 2)

    def test_a_proxy_that_looks_whether_we_are_well(self):
        """It counts as itself, and nobody is alarmed when it has nothing to say."""
        for header in (_header(_LOCAL, _UNSPECIFIED), _header(_PROXY, _UNSPECIFIED), _header(_PROXY, _UNSPECIFIED, b"whatever")):
            self.assertTrue(self.is_served(self.by_proxy(header, "127.0.9.7")), header)
        self.assertFalse(self.is_served(self.by_proxy(_header(_LOCAL, _UNSPECIFIED), "127.0.9.7")), "the fourth of an address")
        before = closed_count(self.server, "by_client")
        self.by_proxy(_header(_LOCAL, _UNSPECIFIED), "127.0.9.8").close()
        self.by_proxy(b"", "127.0.9.8").close()
        until(lambda: closed_count(self.server, "by_client") >= before + 2, "both are counted")

    def test_what_is_no_header(self):
        self.server.expect_log("a proxy does not say whom it brings")
        warning_count = self.server.log_text().count("a proxy does not say whom it brings")
        addresses = _of("192.0.2.1")[16:]
        for bad in (
            frame(["ver"]),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 4000 7777\r\n",
            _SIGNATURE[:11] + b"x" + _of("192.0.2.1")[12:],
            _header(0x11, _TCP4, addresses),
            _header(0x2F, _TCP4, addresses),
            _header(_PROXY, _UDP4, addresses),
            _header(_PROXY, 0x51, addresses),
            _header(_PROXY, _TCP4, addresses[:-1]),
        ):
            before = closed_count(self.server, "proxy_header_bad")
            self.assert_closed(self.by_proxy(bad), "proxy_header_bad", before)
        for more in (2048 - 28 + 1, 65535 - 12):
            before = closed_count(self.server, "proxy_header_too_long")
            self.assert_closed(self.by_proxy(_of("192.0.2.1", more=b"\0" * more)[:16]), "proxy_header_too_long", before)
        self.assertTrue(self.is_served(self.by_proxy(_of("192.0.2.7", more=b"\0" * (2048 - 28)))), "the longest")
        warned = self.server.log_text().count("a proxy does not say whom it brings")
        self.assertGreater(warned, 0, "operators are warned")
        self.assertLessEqual(warned - warning_count, 2, "and not once for each")

    def test_one_that_does_not_come(self):
        self.server.expect_log("a proxy does not say whom it brings")
        before, begin = closed_count(self.server, "proxy_header_late"), time.monotonic()
        silent, half = self.by_proxy(b"", "127.0.9.5"), self.by_proxy(_of("192.0.2.1")[:-1], "127.0.9.6")
        self.assertTrue(silent.is_closed(within=10) and half.is_closed(within=10))
        self.assertGreater(time.monotonic() - begin, 4)
        until(lambda: closed_count(self.server, "proxy_header_late") == before + 2, "both are counted")

    def test_whoever_is_no_proxy_brings_nobody(self):
        """To others a header is bytes like any others, which are ignored; and they are served without one."""
        connection = self.connect_from("127.0.0.5", _of("192.0.2.1"))
        connection.settle()
        others = [self.connect_from("127.0.0.6", _of("192.0.2.%d" % n)) for n in range(20, 23)]
        for other in others:
            other.settle()
        self.assertFalse(self.is_served(self.connect_from("127.0.0.6", _of("192.0.2.23"))), "its address is its own")

    def test_those_who_say_nothing_take_places(self):
        self.server.expect_log("a proxy does not say whom it brings")
        waiting = [self.by_proxy(b"") for _ in range(12)]
        until(lambda: self.server.metric("gateway_connections") == 12, "they are in")
        self.assertFalse(self.is_served(self.connect_from("127.0.0.7")))
        for connection in waiting:
            connection.close()
        until(lambda: self.is_served(self.connect_from("127.0.0.7")), "places are free again")


class ByHaproxy(YardCase):
    """The same with a proxy that others have written."""

    environment = {"PYMMORPG_GATEWAY__PROXY_PROTOCOL": "127.0.9.1", "PYMMORPG_GATEWAY__CONNECTIONS_PER_ADDRESS_MAX": "3"}

    def test_clients_are_known_and_checks_are_no_trouble(self):
        assert not haproxy.missing(), haproxy.missing()
        proxy = haproxy.Haproxy(self.folder, self.server.address, "127.0.9.1")
        self.addCleanup(proxy.kill)
        proxy.start()

        def connect(source):
            connection = Raw(proxy.address, source=source)
            self.addCleanup(connection.close)
            return connection

        player = connect("127.0.0.31")
        name = self.name("Anna")
        self.assertIs(player.ask("new", name, "secret"), True)
        self.assertIs(player.ask("set", name, "n", 1), True)
        port = player.socket.getsockname()[1]
        line = until(lambda: [line for line in self.server.log_text().splitlines() if '"logged in"' in line], "the login is logged")[0]
        self.assertIn('"peer":"127.0.0.31:%d"' % port, line)
        self.assertIn('"proxy":"127.0.9.1:', line)

        more = [connect("127.0.0.31") for _ in range(2)]
        self.assertEqual([one.ask("ver") for one in more], [VERSION] * 2)
        self.assertTrue(connect("127.0.0.31").is_closed(within=5), "the fourth of an address")
        self.assertEqual(connect("127.0.0.32").ask("ver"), VERSION)
        # It breaks the connections by which it looks.
        before = closed_count(self.server, "broken")
        until(lambda: closed_count(self.server, "broken") >= before + 3, "the proxy looks whether we are well")
        self.assertEqual(closed_count(self.server, "proxy_header_[a-z_]*"), 0)


class Settings(YardCase):
    is_started = False

    def test_what_is_no_network(self):
        file = self.folder / "settings.toml"
        for value, named in (
            ('["10.0.0.0/8", "10.0.0.0/33"]', '"10.0.0.0/33" is no network'),
            ('"proxy"', '"proxy" is no network'),
            ("true", "expected networks or addresses"),
        ):
            file.write_text("[gateway]\nproxy_protocol = %s\n" % value)
            said = run_command("up", "--config", str(file), "--data", str(self.folder / "data"), code=1)
            self.assertIn("error: gateway.proxy_protocol = ", said)
            self.assertIn(named, said)
            self.assertIn("(from the file %s)" % file, said)
