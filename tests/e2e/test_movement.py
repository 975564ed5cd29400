"""Walking: what is in the way, how fast one may be, warps, and borders that cannot be seen."""

import math
import threading
import time

from harness.case import YardCase
from harness.raw import until

#: As the yard has them.
SPEED, SPEED_BURST, CELL, VIEW = 40, 20, 8, 10


class Steps(YardCase):
    is_fast = False

    def test_steps_in_every_direction(self):
        player = self.play("Dancer")
        x, y, z = player.position()
        for dx, dy in ((1, 0), (0, 1), (-0.5, 0), (0, -0.25), (0.125, 0.125), (-1, 2), (0, 0), (0.0, 1.5)):
            self.assertIs(player.ask("move", (dx, dy, 0)), True)
            x, y = x + dx, y + dy
            self.assertEqual(player.position(), (x, y, z))

    def test_walls_stop(self):
        """All or nothing: who would hit one stays where it is."""
        player = self.play("Clumsy")
        player.walk_to(4.5, 4.5)
        for offset in ((-4, 0), (0, -4), (5.5, 0), (6, 0), (8, 0), (0, -3.6), (-3.6, 0), (6, 1)):
            self.assertIs(player.ask("move", (*offset, 0)), False, offset)
            self.assertEqual(player.position(), (4.5, 4.5, 0))
        for offset in ((-3.4, 0), (3.4, 0), (0, -3.4), (0, 3.4)):
            self.assertIs(player.ask("move", (*offset, 0)), True, offset)

    def test_nobody_jumps_over_a_wall(self):
        """The column of walls at x = 10 is one tile thick, and no step is too long to be checked."""
        player = self.play("Jumper")
        player.walk_to(9.5, 4.5)
        for dx in (1, 1.5, 2, 3, 8):
            self.assertIs(player.ask("move", (dx, 0, 0)), False, dx)
        self.assertIs(player.ask("move", (2, -2.2, 0)), False, "through the corner of the wall")
        player.walk_to(9.5, 7.5)
        self.assertIs(player.ask("move", (2, 0, 0)), True, "round it")
        player.walk_to(11.5, 4.5)
        self.assertIs(player.ask("move", (-2, 0, 0)), False, "and from the other side")

    def test_the_edge_of_the_world(self):
        player = self.play("Explorer")
        player.walk_to(1.5, 13.5)
        for offset in ((-15, 0), (0, 15), (-2, 2), (0, 1e9), (-1e300, 0)):
            self.assertIs(player.ask("move", (*offset, 0)), False, offset)

    def test_what_is_no_step(self):
        player = self.play("Dreamer")
        place = player.position()
        nan, inf = float("nan"), math.inf
        for offset in (
            (nan, 0, 0),
            (0, nan, 0),
            (0, 0, nan),
            (inf, 0, 0),
            (-inf, 0, 0),
            (0, inf, 0),
            (0, 0, inf),
            (0, 0, 1),
            (0, 0, -1),
            (1, 0, 0.5),
        ):
            self.assertIs(player.ask("move", offset), False, offset)
        for offset in ((1, 0), (1, 0, 0, 0), (), None, 1, ("1", 0, 0), (None, 0, 0), (True, 0, 0), ((1, 0), 0, 0)):
            self.assertIs(player.ask("move", offset), False, offset)
        for offset in ((2**500, 0, 0), (0, -(2**500), 0)):
            self.assertIs(player.ask("move", offset, protocol=2), False)
        self.assertEqual(player.position(), place)
        self.assertIs(player.ask("move", (0, 0, 0.0)), True)
        self.assertIs(player.ask("move", (0.0, -0.0, -0.0)), True)

    def test_a_burst_is_all_that_there_is_at_once(self):
        player = self.play("Sprinter")
        player.walk_to(2.5, 10.5)
        until(lambda: player.ask("move", (18, 0, 0)), "the bucket is full again")
        self.assertIs(player.ask("move", (20.5, 0, 0)), False, "longer than the bucket is deep")

    def test_nobody_is_faster_than_the_world_lets_one_be(self):
        """However one asks: what was walked is at most the burst and the speed times the time that it took."""
        player = self.play("Speeder")
        player.walk_to(2.5, 10.5)
        begin = time.monotonic()
        until(lambda: player.ask("move", (18, 0, 0)), "the bucket is full again")
        walked = 18
        for _ in range(6):
            results = player.pipeline(*[["move", (dx, 0, 0)] for dx in (-18, 18) * 10])
            walked += 18 * sum(results)
        seconds = time.monotonic() - begin
        self.assertLessEqual(walked, SPEED_BURST + SPEED * seconds)

    def test_who_was_too_fast_can_walk_again(self):
        player = self.play("Winded")
        player.walk_to(2.5, 10.5)
        until(lambda: False in player.pipeline(*[["move", (dx, 0, 0)] for dx in (9, -9) * 10]), "the bucket is empty")
        until(lambda: player.ask("move", (0, 3, 0)), "it fills again", deadline=5)

    def test_a_new_connection_fills_no_bucket(self):
        """Nor does a second login: else one could fly."""
        player = self.play("Cheater")
        player.walk_to(2.5, 10.5)
        begin, walked = time.monotonic(), 0
        for _ in range(5):
            walked += 6 * sum(player.pipeline(*[["move", (dx, 0, 0)] for dx in (6, -6) * 5]))
            self.assertTrue(player.ask("login", player.name, player.password))
        # A login takes the time that a password takes to hash; a full bucket each time would be 20 tiles more.
        self.assertLessEqual(walked, 2 * SPEED_BURST + SPEED * (time.monotonic() - begin))


class Warps(YardCase):
    def test_to_another_level_and_back(self):
        player = self.play("Miner")
        watcher = self.play("Watcher")
        level = player.ask("get", "map:cellar", "bounds")[2]
        self.assertNotEqual(level, 0)
        player.walk_to(2.5, 11.5)
        self.until_seen(watcher, player.name)
        self.assertIs(player.ask("move", (0, 1, 0)), True)
        self.assertEqual(player.position(), (2.5, 2.5, level))
        self.assertEqual(set(player.view()), {player.name}, "whom one sees there")
        self.until_unseen(watcher, player.name)
        player.walk_to(6.5, 5.5)
        self.assertIs(player.ask("move", (1, 0, 0)), True)
        self.assertEqual(player.position(), (4.5, 12.5, 0))
        self.until_seen(watcher, player.name, lambda seen: seen["pos"] == (4.5, 12.5, 0))
        self.assertIn(watcher.name, player.view(), "update waits for the regions now in view")

    def test_the_view_is_whole_at_once_after_a_warp(self):
        """`update` waits for the regions that came into view, so the first one shows who is there."""
        host = self.play("Host")
        host.walk_to(2.5, 11.5)
        self.assertTrue(host.ask("move", (0, 1, 0)))
        guest = self.play("Guest")
        guest.walk_to(2.5, 11.5)
        moved, view = guest.pipeline(["move", (0, 1, 0)], ["update"])
        self.assertIs(moved, True)
        self.assertEqual({entity["name"] for entity in view}, {host.name, guest.name})

    def test_a_pipeline_goes_through_a_warp(self):
        player = self.play("Diver")
        level = player.ask("get", "map:cellar", "bounds")[2]
        player.walk_to(2.5, 11.5)
        requests = [["move", (0, 0.25, 0)]] * 4 + [["get", player.name, "pos"], ["set", player.name, "n", 1], ["move", (1, 0, 0)], ["update"]]
        results = player.pipeline(*requests)
        self.assertEqual(results[0:2], [True, True])
        # (2.5, 12) is on the warp's tile already: what comes after it happens in the cellar.
        self.assertEqual(results[4], (2.5, 3.0, level))
        self.assertEqual(results[5:7], [True, True])
        self.assertEqual([entity["pos"] for entity in results[7]], [(3.5, 3.0, level)])

    def test_walking_over_a_warp_without_stopping_is_no_arrival(self):
        player = self.play("Hurrier")
        player.walk_to(1.5, 11.5)
        player.walk(0, 1)
        self.assertIs(player.ask("move", (2, 0, 0)), True)
        self.assertEqual(player.position(), (3.5, 12.5, 0))


class Borders(YardCase):
    def watch(self, watcher, name, stop, problems):
        """Looks all the time; whoever should be in view must be, once, on a place where it can be."""
        last = None
        while not stop.is_set():
            seen = watcher.view().get(name)
            if seen is None:
                problems.append("%s vanished after %r" % (name, last))
            else:
                last = seen["pos"]

    def test_from_map_to_map(self):
        """From one end of west to the other end of east, over every border; a companion sees all of it without a gap."""
        walker, companion = self.play("Walker"), self.play("Companion")
        walker.walk_to(2.5, 8.5)
        companion.walk_to(4.5, 9.5)
        self.until_seen(companion, walker.name)
        for x in range(3, 46):
            self.assertIs(until(lambda: walker.ask("move", (1, 0, 0)), "the step to %d" % x), True)
            self.assertEqual(walker.position(), (x + 0.5, 8.5, 0))
            place = (x + 0.5, 8.5, 0)
            self.assertEqual(walker.view()[walker.name]["pos"], place, "one sees oneself where one is")
            self.until_seen(companion, walker.name, lambda seen: seen["pos"] == place)
            if x < 44:
                companion.walk(1, 0)
            self.assertIn(companion.name, walker.view())
        self.assertIs(walker.ask("move", (1.6, 0, 0)), False, "the end of the world")

    def test_nobody_blinks_at_a_border(self):
        """Two who dance on borders are seen without a gap by one who stands by: within a level, at corners of four cells too."""
        watcher = self.play("Watcher")
        watcher.walk_to(20.5, 10.5)
        for corner in ((16, 8), (24, 8)):
            dancer = self.play("Dancer")
            dancer.walk_to(corner[0] - 0.5, 9.5)
            dancer.walk_to(corner[0] - 0.5, corner[1] - 0.5)
            self.until_seen(watcher, dancer.name)
            stop, problems = threading.Event(), []
            thread = threading.Thread(target=self.watch, args=(watcher, dancer.name, stop, problems))
            thread.start()
            try:
                for dx, dy in [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, -1), (0, 1), (1, -1), (-1, 1), (0, -1)] * 8:
                    until(lambda: dancer.ask("move", (dx, dy, 0)), "the step %r" % ((dx, dy),))
            finally:
                stop.set()
                thread.join()
            self.assertEqual(problems, [])
            dancer.close()

    def test_positions_on_the_very_border(self):
        player = self.play("Balancer")
        player.walk_to(7.5, 7.5)
        for dx, dy, place in (
            (0.5, 0, (8, 7.5)),
            (0, 0.5, (8, 8)),
            (-0.0625, -0.0625, (7.9375, 7.9375)),
            (0.0625, 0.0625, (8, 8)),
            (0, -0.5, (8, 7.5)),
        ):
            self.assertIs(player.ask("move", (dx, dy, 0)), True)
            self.assertEqual(player.position(), (*place, 0))
            self.assertEqual(player.view()[player.name]["pos"], (*place, 0))

    def test_attributes_cross_borders(self):
        player = self.play("Carrier")
        player.walk_to(7.5, 8.5)
        for n in range(20):
            self.assertEqual(
                player.pipeline(["set", player.name, "bag", n], ["move", (1 if n % 2 == 0 else -1, 0, 0)], ["get", player.name, "bag"]),
                [True, True, n],
            )

    def test_relative_changes_cross_borders_once(self):
        """Each of hundreds of changes counts once, though the character changes its region between them."""
        player = self.play("Counter")
        player.walk_to(7.75, 8.5)
        requests = []
        for n in range(200):
            requests += [["set", player.name, "n", (1,)], ["move", (1 / 32 if n // 16 % 2 == 0 else -1 / 32, 0, 0)]]
        self.assertEqual(player.pipeline(*requests), [True] * 400)
        self.assertEqual(player.ask("get", player.name, "n"), 200)

    def test_others_reach_one_who_dances_on_a_border(self):
        """`set` and `get` find their target in whatever region it is."""
        dancer, friend = self.play("Dancer"), self.play("Friend")
        dancer.walk_to(7.75, 8.5)
        friend.walk_to(7.5, 9.5)
        stop = threading.Event()
        failures = []

        def dance():
            dx = 0.5
            while not stop.is_set():
                if dancer.ask("move", (dx, 0, 0)) is not True:
                    failures.append("a step of %r" % dx)
                dx = -dx

        thread = threading.Thread(target=dance)
        thread.start()
        try:
            for n in range(1, 101):
                if friend.ask("set", dancer.name, "gold", (1,)) is not True:
                    failures.append("the change %d" % n)
                if friend.ask("get", dancer.name, "gold") != n - len(failures):
                    failures.append("what was read after change %d" % n)
        finally:
            stop.set()
            thread.join()
        self.assertEqual(failures, [])


class Bystanders(YardCase):
    def test_both_see_both(self):
        one, other = self.play("One"), self.play("Other")
        for mover, watcher in ((one, other), (other, one)):
            mover.walk(1, 1)
            place = mover.position()
            self.until_seen(watcher, mover.name, lambda seen: seen["pos"] == place)
        self.until_seen(one, other.name)
        mine, theirs = one.view(), other.view()
        for name in (one.name, other.name):
            self.assertEqual(mine[name], theirs[name], "everybody who sees an entity gets the same dict")
