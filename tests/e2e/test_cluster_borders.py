"""Borders between zone servers: nobody who plays can tell where they are."""

import itertools
import threading
import time

from harness.cluster_case import ClusterCase
from harness.raw import until


class Borders(ClusterCase):
    def test_both_sides_are_seen_and_read_and_written(self):
        x, y = self.borders()[0]
        west, east = self.play_at("Anna", x - 1, y, gateway=0), self.play_at("Boris", x + 1, y, gateway=1)
        self.until_owned_by(west, self.zone_at(x - 1, y))
        self.until_owned_by(east, self.zone_at(x + 1, y))
        for one, other in ((west, east), (east, west)):
            self.until_seen(one, other.name, lambda seen: seen["pos"] == other.position())
            self.assertIs(one.ask("set", one.name, "visual", "a hat of %s" % one.name), True)
            self.until_seen(other, one.name, lambda seen: seen["visual"] == "a hat of %s" % one.name)
            self.assertIs(one.ask("set", other.name, "gold", (-7,)), True)
            self.assertEqual(one.ask("get", other.name, "gold"), 93)
            self.assertIs(one.ask("set", one.name, "gold", (7,)), True)
            self.assertIs(one.ask("set", other.name, "diary", "mine"), False)
            self.assertIs(other.ask("set", other.name, "diary", "of %s" % other.name), True)
            self.assertEqual(one.ask("get", other.name, "diary"), "of %s" % other.name)
            self.assertIs(one.ask("set", other.name, "gold", (7,)), True)
            self.assertIs(one.ask("set", one.name, "gold", (-7,)), True)
        self.assertEqual([one.ask("get", other.name, "gold") for one in (west, east) for other in (west, east)], [100] * 4)

    def test_many_changes_over_a_border_each_count_once(self):
        x, y = self.borders()[0]
        givers = [self.play_at("Giver", x - 1, y + n / 4, gateway=n % 2) for n in range(4)]
        taker = self.play_at("Taker", x + 1, y, gateway=1)
        results = []
        threads = [
            threading.Thread(target=lambda giver=giver: results.append(giver.pipeline(*[["set", taker.name, "mail", (1,)]] * 100)))
            for giver in givers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [[True] * 100] * 4)
        self.assertEqual({one.ask("get", taker.name, "mail") for one in [*givers, taker]}, {400})

    def test_steps_over_borders_with_everything_sent_ahead(self):
        """Twenty tiles there and back over borders in one write; what is behind them follows, in order, and is done once."""
        x, y = self.borders()[0]
        player = self.play_at("Courier", x - 3, y)
        step = 1 / 8
        count = 0
        for there in (1, -1, 1, -1):
            requests, wanted = [], []
            for n in range(1, 161):
                requests += [["move", (there * step, 0, 0)]]
                wanted += [True]
                if n % 8 == 0:
                    count += 1
                    requests += [["set", player.name, "sum", (1,)], ["get", player.name, "sum"], ["get", player.name, "pos"]]
                    east = n * step if there > 0 else 20 - n * step
                    wanted += [True, count, (x - 3 + east, y, 0)]
            self.assertEqual(player.pipeline(*requests), wanted)
        self.until_owned_by(player, self.zone_at(x - 3, y))

    def test_through_warps_with_everything_sent_ahead(self):
        for gateway, (tile, place) in enumerate(self.warps_to_elsewhere()[:2]):
            start = (tile[0] + 0.5, tile[1] + 0.5 + (1 if tile[1] < self.plain.height / 2 else -1))
            player, host = self.play_at("Diver", *start, gateway=gateway), self.play_at("Host", place[0] + 1, place[1])
            requests = [["move", (0, tile[1] + 0.5 - start[1], 0)], ["update"], ["set", player.name, "sum", (1,)], ["get", player.name, "pos"]]
            requests += [["move", (0.5, 0, 0)], ["set", host.name, "mail", (1,)], ["get", host.name, "mail"], ["get", player.name, "sum"]]
            moved, view, *others = player.pipeline(*requests)
            self.assertEqual([moved, *others], [True, True, place, True, True, 1, 1])
            self.assertEqual({entity["name"] for entity in view}, {player.name, host.name}, "the first view there is whole")
            self.until_seen(host, player.name, lambda seen: seen["pos"] == (place[0] + 0.5, place[1], 0))
            self.until_owned_by(player, self.zone_at(*place[:2]))

    def test_who_crosses_is_seen_all_the_time_and_once(self):
        """By those on both sides, at both gateways; and by itself, where it is."""
        x, y = self.borders()[0]
        walker = self.play_at("Walker", x - 3, y)
        watchers = [self.play_at("Watcher", x + east, y + 1, gateway=gateway) for east in (-1, 1) for gateway in (0, 1)]
        for watcher in watchers:
            self.until_seen(watcher, walker.name, lambda seen: seen["pos"] == (x - 3, y, 0))
        with self.seen_all_the_time(watchers, walker.name, more_views_than=50):
            place = x - 3
            for there in (1, -1) * 15:
                for _ in range(6):
                    self.assertIs(walker.ask("move", (there, 0, 0)), True)
                    place += there
                    self.assertEqual(walker.view()[walker.name]["pos"], (place, y, 0))

    def test_four_zone_servers_at_one_point(self):
        x, y = self.corners(4)[0]
        quarters = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        people = [self.play_at("Quarter", x + east, y + south, gateway=n % 2) for n, (east, south) in enumerate(quarters)]
        self.assertEqual(len({self.zone_at(x + east, y + south) for east, south in quarters}), 4)
        for one in people:
            until(lambda: {other.name for other in people} <= set(one.view()), "%s sees all four" % one.name)
        for one, other in itertools.permutations(people, 2):
            self.assertIs(one.ask("set", other.name, "mail", (1,)), True)
        self.assertEqual({one.ask("get", other.name, "mail") for one in people for other in people}, {3})
        # Across the point itself, round it, and back; always far enough for its zone server to change.
        walker = people[0]
        way = [(-3, -3), (3, 3), (-3, 3), (3, -3), (3, 3), (3, -3), (-3, -3), (-3, 3), (-1, -1)]
        here = (-1, -1)
        requests, wanted = [], []
        for n, there in enumerate(way, 1):
            requests += [["move", (there[0] - here[0], there[1] - here[1], 0)], ["get", walker.name, "pos"], ["set", walker.name, "sum", (1,)]]
            requests += [["get", people[2].name, "mail"]]
            wanted += [True, (x + there[0], y + there[1], 0), True, 3]
            here = there
        self.assertEqual(walker.pipeline(*requests), wanted)
        for one in people:
            self.until_seen(one, walker.name, lambda seen: seen["pos"] == (x - 1, y - 1, 0))

    def test_two_swap_sides_at_once(self):
        x, y = self.borders()[0]
        one, other = self.play_at("Swapper", x - 3, y, gateway=0), self.play_at("Swapper", x + 3, y + 1, gateway=1)
        for way in (6, -6) * 10:
            for player, offset in ((one, way), (other, -way)):
                player.send_all([["move", (offset, 0, 0)], ["set", player.name, "sum", (1,)], ["get", player.name, "pos"]])
            places = [player.results(3) for player in (one, other)]
            east = x + 3 if way > 0 else x - 3
            self.assertEqual(places, [[True, True, (east, y, 0)], [True, True, (2 * x - east, y + 1, 0)]])
        self.until_seen(one, other.name, lambda seen: seen["pos"] == (x + 3, y + 1, 0))
        self.until_seen(other, one.name, lambda seen: seen["pos"] == (x - 3, y, 0))

    def test_a_border_is_danced_on_for_free(self):
        """Within two tiles of it nothing is handed over; who comes from the other side is the other zone server's still."""
        x, y = self.borders()[0]
        player = self.play_at("Dancer", x - 3, y)
        self.until_owned_by(player, self.zone_at(x - 3, y))
        self.put(player, x - 1.5, y)
        own = self.row(player.name).own
        self.assertEqual(player.pipeline(*[["move", (offset, 0, 0)] for offset in (3, -3) * 50]), [True] * 100)
        self.assertEqual(self.row(player.name).own, own)

    def test_a_border_is_flapped_over_twenty_times_a_second(self):
        """Each time far enough to be handed over, and never a request that waits long."""
        x, y = self.borders()[0]
        player, watcher = self.play_at("Flapper", x - 3, y), self.play_at("Watcher", x, y + 2, gateway=1)
        own = self.row(player.name).own
        begin = due = time.monotonic()
        for n in range(60):
            player.send_all([["move", (-6 if n % 2 else 6, 0, 0)], ["set", player.name, "sum", (1,)]])
            due += 1 / 20
            time.sleep(max(due - time.monotonic(), 0))
            self.assertLessEqual(list(watcher.view()).count(player.name), 1)
        self.assertEqual(player.results(120), [True] * 120)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual((player.position(), player.ask("get", player.name, "sum")), ((x - 3, y, 0), 60))
        self.assertGreaterEqual(self.row(player.name).own - own, 60, "each second crossing at least is a handoff: release and claim")
        self.until_seen(watcher, player.name, lambda seen: seen["pos"] == (x - 3, y, 0))
