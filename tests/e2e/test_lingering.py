"""A gateway that is told to stop, and whose clients may play on until they go."""

import os
import signal
import socket
import time

from harness.case import YardCase
from harness.cluster_case import ClusterCase
from harness.raw import Closed, until

_SETTING = "PYMMORPG_GATEWAY__LINGER_TIMEOUT_MS"
#: Longer than any test, in milliseconds.
_LONG = "600000"


def can_connect(address):
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


class Lingering(ClusterCase):
    """The first of the gateways lingers."""

    zone_count = 2

    def begin(self, linger_ms):
        """A gateway with a setting of its own."""
        gateway = self.cluster.gateways[0]
        gateway.kill()
        gateway.environment[_SETTING] = linger_ms
        gateway.start()
        self.addCleanup(gateway.kill)
        return gateway

    def ask_to_stop(self, gateway):
        address = gateway.address
        gateway.send(signal.SIGTERM)
        until(lambda: gateway.fetch("/readyz")[0] == 503, "it is not ready any more")
        self.assertIn("gateway: not ready", gateway.fetch("/readyz")[1])
        self.assertEqual(gateway.fetch("/healthz")[0], 200)
        until(lambda: not can_connect(address), "nobody is let in any more")

    def test_who_is_in_plays_on(self):
        gateway = self.begin(_LONG)
        x, y = self.borders()[0]
        player = self.play_at("Anna", x - 3, y)
        silent = self.play_at("Clara", x - 3, y)
        late = self.connect()
        other = self.play_at("Bert", x - 2, y, gateway=1)
        master = self.game_master()
        player.flags.clear()
        self.ask_to_stop(gateway)

        for n in range(5):
            self.assertIs(player.ask("set", player.name, "sum", (1,)), True)
            self.assertEqual(player.ask("get", player.name, "sum"), n + 1)
            self.assertIs(player.ask("move", (0, 0.25, 0)), True)
            self.assertIs(other.ask("move", (0, 0.25, 0)), True)
            self.until_seen(player, other.name, lambda seen, there=y + (n + 1) / 4: seen["pos"][1] == there)
            self.until_seen(other, player.name, lambda seen, there=y + (n + 1) / 4: seen["pos"][1] == there)
        for there in (x + 3, x - 3, x + 3):
            self.put(player, there, y)
            self.until_owned_by(player, self.zone_at(there, y))
            self.assertIs(player.ask("set", player.name, "sum", (1,)), True)
        self.assertEqual(player.ask("get", player.name, "sum"), 8)
        self.assertIs(master.ask("edit", ["tile", ["plain", "Ground", int(x), int(y), 5]]), True)
        self.take_flag(player)
        # Who was connected and not in the game yet may still come.
        self.assertIs(late.ask("new", self.name("Dora"), "secret"), True)

        newer = self.login(player.name, gateway=1)
        self.assertTrue(player.is_closed(within=3), "another gateway takes the session over")
        self.assertEqual(newer.ask("get", newer.name, "sum"), 8)
        self.assertEqual(newer.position(), (x + 3, y, 0))

        for connection in (late, master):
            connection.close()
        self.assertIsInstance(silent.ask("update"), list, "one is still in")
        self.assertTrue(gateway.is_running())
        silent.close()
        gateway.wait_until_ended()
        self.assertIn("those who are connected may linger", gateway.log_text())

    def test_when_the_time_is_over(self):
        """What was read is answered, as without lingering, and nothing that was answered is lost."""
        gateway = self.begin("2000")
        player = self.play("Anna")
        begin = time.monotonic()
        self.ask_to_stop(gateway)
        count = 0
        try:
            while True:
                player.send_all([["set", player.name, "sum", (1,)]] * 10)
                for _ in range(10):
                    self.assertIs(player.reply()[0], True)
                    count += 1
        except (Closed, ConnectionError):
            pass
        self.assertGreaterEqual(time.monotonic() - begin, 2.0)
        gateway.wait_until_ended()
        self.assertEqual(self.login(player.name, gateway=1).ask("get", player.name, "sum"), count)

    def test_nobody_is_waited_for_if_nobody_is_in(self):
        gateway = self.begin(_LONG)
        gateway.stop()
        self.assertNotIn("may linger", gateway.log_text().rsplit("starting", 1)[-1])

    def test_a_second_signal_does_not_wait(self):
        gateway = self.begin(_LONG)
        self.play("Anna")
        self.ask_to_stop(gateway)
        self.cluster.expect_log("stopping at once")

        def has_ended():
            if gateway.is_running():
                gateway.send(signal.SIGTERM)
            return not gateway.is_running()

        until(has_ended, "it ends")
        self.assertEqual(gateway.exit_code(), 130)


class AllInOne(YardCase):
    """`up` lingers, too: the other parts stay for as long as the gateway needs them, and the world is still watched."""

    environment = {_SETTING: _LONG}
    is_started = False

    def test_who_is_in_plays_on(self):
        self.server.start()
        self.addCleanup(self.server.kill)
        player = self.play("Anna")
        os.kill(self.server.pid, signal.SIGTERM)
        until(lambda: self.server.fetch("/readyz")[0] == 503, "it is not ready any more")
        until(lambda: not can_connect(self.server.address), "nobody is let in any more")
        for n in range(3):
            self.assertIs(player.ask("set", player.name, "sum", (1,)), True)
            self.assertEqual(player.ask("get", player.name, "sum"), n + 1)
        player.walk(0, 0.25)
        (self.world / "client" / "VERSION").write_text("9.9.9\n")
        self.take_flag(player, "client")
        player.flags.clear()
        self.assertEqual(self.server.fetch("/readyz")[0], 503)
        player.close()
        self.server.wait_until_ended()
