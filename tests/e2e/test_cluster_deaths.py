"""Processes of a cluster that die or stop: what players notice of it."""

import signal
import time

from harness.cluster_case import ClusterCase
from harness.raw import Closed, until

#: A zone server that dies is replaced within its TTL of 2 s; its players play on within 3 s, and a busy machine has another one.
RESUMED_SECONDS_MAX = 4.0


class Deaths(ClusterCase):
    zone_count = 3
    expected_log = (r'"level":"WARN"',)

    def tearDown(self):
        self.revive()

    def test_players_of_a_zone_server_that_dies_play_on(self):
        x, y = self.borders()[0]
        west, east = self.play_at("Anna", x - 3, y, gateway=0), self.play_at("Boris", x + 3, y, gateway=1)
        zone = self.zone_at(x + 3, y)
        for player in (west, east):
            self.assertEqual(player.pipeline(*[["set", player.name, "sum", (1,)]] * 20), [True] * 20)
        zone.kill()
        begin = time.monotonic()
        for player in (west, east):
            player.send_all([["set", player.name, "sum", (1,)], ["get", player.name, "sum"], ["move", (0, 1, 0)], ["get", player.name, "pos"]])
        self.assertEqual(west.results(4), [True, 21, True, (x - 3, y + 1, 0)])
        self.assertLess(time.monotonic() - begin, 1.0, "those of another zone server notice nothing")
        self.assertEqual(east.results(3), [True, 21, True])
        self.assertLess(time.monotonic() - begin, RESUMED_SECONDS_MAX)
        # At most a second of steps is taken back: the one from the middle of its cell.
        self.assertIn(east.reply()[0][:2], {(x + 3, y + 1), (x + 4, y + 1)})
        self.until_seen(west, east.name)

    def test_a_warp_into_a_region_whose_server_has_just_died(self):
        tile, place = self.warps_to_elsewhere()[0]
        start = (tile[0] + 0.5, tile[1] + 0.5 + (1 if tile[1] < self.plain.height / 2 else -1))
        player = self.play_at("Diver", *start)
        self.zone_at(*place[:2]).kill()
        begin = time.monotonic()
        step = (0, tile[1] + 0.5 - start[1], 0)
        requests = [
            ["move", step],
            ["get", player.name, "pos"],
            ["set", player.name, "sum", (1,)],
            ["move", (0.5, 0, 0)],
            ["get", player.name, "sum"],
        ]
        self.assertEqual(player.pipeline(*requests), [True, place, True, True, 1])
        self.assertLess(time.monotonic() - begin, RESUMED_SECONDS_MAX)

    def test_a_zone_server_that_is_told_to_stop_hands_over_first(self):
        x, y = self.borders()[0]
        zone = self.zone_at(x + 3, y)
        player = self.play_at("Anna", x + 3, y)
        zone.send(signal.SIGTERM)
        longest, count = 0.0, 0
        while zone.is_running():
            begin = time.monotonic()
            self.assertEqual(player.pipeline(["set", player.name, "sum", (1,)], ["move", (0, 0, 0)]), [True, True])
            count += 1
            longest = max(longest, time.monotonic() - begin)
        zone.wait_until_ended()
        self.assertLess(longest, 1.5, "nobody waits for a time-out")
        self.assertEqual((player.ask("get", player.name, "sum"), player.position()), (count, (x + 3, y, 0)), "nothing is lost, no step taken back")

    def test_clients_of_a_gateway_that_dies_find_their_characters_at_another(self):
        x, y = self.borders()[0]
        player, other = self.play_at("Anna", x + 3, y, gateway=0), self.play_at("Other", x + 3, y, gateway=1)
        self.assertEqual(player.pipeline(["move", (0, 2, 0)], ["set", player.name, "sum", (5,)]), [True, True])
        self.cluster.gateways[0].kill()
        self.assertTrue(player.is_closed(within=3))
        again = self.login(player.name, gateway=1)
        self.assertEqual((again.position(), again.ask("get", player.name, "sum")), ((x + 3, y + 2, 0), 5))
        self.assertIs(other.ask("set", other.name, "sum", (1,)), True, "those of the other gateway notice nothing")

    def test_play_goes_on_without_redis_and_without_auth(self):
        x, y = self.borders()[0]
        player, other = self.play_at("Anna", x - 3, y, gateway=0), self.play_at("Boris", x + 3, y, gateway=1)
        self.cluster.redis.kill()
        self.addCleanup(lambda: self.cluster.redis.is_running() or self.cluster.redis.start())
        self.cluster.auth.kill()
        for _ in range(5):
            for one, offset in ((player, 6), (other, -6), (player, -6), (other, 6)):
                self.assertEqual(one.pipeline(["move", (offset, 0, 0)], ["set", one.name, "sum", (1,)], ["move", (0, 0, 0)]), [True] * 3)
        self.cluster.redis.start()
        self.cluster.auth.start()

        def can_log_in():
            connection = self.connect(gateway=1)
            try:
                return connection.ask("login", player.name, "secret")
            except Closed:
                return False

        until(can_log_in, "one can log in again")
        self.assertTrue(player.is_closed(within=3), "and takes over, with Redis empty")
