"""Creatures in a cluster: they live on several zone servers, go over their borders, and whatever happens to those there is one of each."""

import itertools
import math
import signal
import time

from harness.cluster_case import ClusterCase
from harness.plain import Plain, Spawn
from harness.raw import until

#: A home takes those who are silent for 5 s for dead, and looks once a second. Before that, whoever takes a region from a dead server waits for the
#: TTL of 2 s; and what is counted is told once a second by each region, and added up once a second. A busy machine has the rest.
BACK_SECONDS_MAX = 5.0 + 1.0 + 2.0 + 2.0 + 4.0

_RULES = """
[attributes.taken]
type = "bool"
write = {{ near = 10 }}

[attributes.berries]
type = "int"
default = 0
write = "gm"

[templates.Rover]
behaviour = "wander leash=90"
speed = 6

[templates.Goat]
behaviour = "stand"
hp = 10
{drops}

[templates.berry]
item = "berries"
amount = 3

[templates.Wolf]
behaviour = "chase radius=10 leash=40 damage=5 cooldown=500 reach=1.5"
speed = 12
"""
GOATS = Spawn("Goat", 3, (20, 20, 2, 2), respawn_ms=60_000)


class CreaturesCase(ClusterCase):
    """Four places from which everything is seen, at each of the gateways."""

    zone_count = 3
    #: Those of whom it is asked whether all are there.
    spawns: tuple[Spawn, ...] = ()

    @classmethod
    def names(cls):
        """All who should be there."""
        return {name for spawn in cls.plain.spawns for name in cls.plain.creatures(spawn)}

    def watchers(self):
        """Who sees everything: by gateway. They stay there if their zone server dies."""
        quarters = [(east * self.plain.width / 4, south * self.plain.height / 4) for east in (1, 3) for south in (1, 3)]
        watchers = [[self.play_at("Watcher", x, y, gateway=gateway) for x, y in quarters] for gateway in range(self.gateway_count)]
        for watcher in itertools.chain(*watchers):
            # A step is lost with a zone server that dies within a second; what has been set is in the database, and the place with it.
            self.assertIs(watcher.ask("set", watcher.name, "post", "here"), True)
        return watchers

    def seen(self, watchers):
        """The creatures that are seen by watchers of one gateway, and where. None is twice in a view."""
        views = [watcher.view() for watcher in watchers]
        return {name: entity["pos"] for view in views for name, entity in view.items() if "#" in name}

    def alive(self):
        """How many creatures live on all zone servers, as these count them."""
        zones = (zone for zone in self.cluster.zones if zone.is_running())
        return sum(zone.metric('pymmorpg_zone_creatures{state="alive"}') for zone in zones)

    def are_all_there(self, watchers):
        """Whether each creature is seen at each gateway, and none lives twice."""
        are_seen = all(set(self.seen(those)) == self.names() for those in watchers)
        return are_seen and self.alive() == len(self.names())

    def until_all_are_there(self, watchers, deadline=BACK_SECONDS_MAX):
        try:
            until(lambda: self.are_all_there(watchers), "all creatures are there, and each once", deadline)
        except AssertionError as error:
            seen = [{name: those[0].ask("get", name, "pos") for name in self.names() ^ set(self.seen(those))} for those in watchers]
            raise AssertionError("%s; not as it should be: %r; alive: %d of %d" % (error, seen, self.alive(), len(self.names()))) from None

    def kill_creature(self, master, name):
        self.assertIs(master.ask("set", name, "hp", 0), True)


class Spawns(CreaturesCase):
    """A spawn whose area is the whole plain, so that its creatures come into the world on all zone servers."""

    plain = Plain(columns=8, rows=8, cell=8, view_distance=20, rules=_RULES.format(drops=""), spawns=(Spawn("Rover", 20, (0, 0, 64, 64)), GOATS))
    expected_log = (r'"level":"WARN"',)

    def tearDown(self):
        self.revive()

    def test_wanderers_go_over_borders_of_zone_servers_and_are_seen_all_the_time(self):
        watchers = self.watchers()
        self.until_all_are_there(watchers)
        holders = self.cluster.sql.holders()
        passed = {}

        def have_some_crossed():
            for those in watchers:
                seen = self.seen(those)
                self.assertEqual(set(seen), self.names())
                for name, (x, y, _) in seen.items():
                    # Nearer to a border, it may be the other's still.
                    if all(2 <= place % self.plain.cell <= self.plain.cell - 2 for place in (x, y)):
                        passed.setdefault(name, set()).add(holders[self.plain.region_at(x, y)])
            return sum(len(zones) > 1 for zones in passed.values()) >= 3

        until(have_some_crossed, "three wanderers have gone from one zone server to another", 120)
        self.until_all_are_there(watchers)

    def test_zone_servers_that_die_leave_nobody_missing_and_nobody_twice(self):
        """First the one that counts the wanderers, then another one that only has some of them."""
        watchers = self.watchers()
        self.until_all_are_there(watchers)
        home = self.zone_at(0, 0)
        other = next(zone for zone in self.cluster.zones if zone is not home)
        for zone in (home, other):
            self.assertGreater(zone.metric('pymmorpg_zone_creatures{state="alive"}'), 0)
            zone.kill()
            self.until_all_are_there(watchers)
            zone.start()
            self.cluster.wait_until_settled()
            self.until_all_are_there(watchers)

    def test_a_zone_server_that_is_told_to_stop_leaves_nobody_missing(self):
        watchers = self.watchers()
        self.until_all_are_there(watchers)
        for zone in (self.zone_at(0, 0), self.zone_at(63, 63)):
            if not zone.is_running():
                continue
            zone.send(signal.SIGTERM)
            while zone.is_running():
                for those in watchers:
                    self.seen(those)
            zone.wait_until_ended()
            self.until_all_are_there(watchers)
            zone.start()
            self.cluster.wait_until_settled()

    def test_regions_move_to_a_zone_server_that_is_added_and_their_creatures_with_them(self):
        watchers = self.watchers()
        self.until_all_are_there(watchers)
        zone = self.cluster.add_zone()
        self.cluster.wait_until_settled()
        self.until_all_are_there(watchers)
        self.cluster.remove_zone(zone)
        self.cluster.wait_until_settled()
        self.until_all_are_there(watchers)

    def test_all_are_there_after_a_restart_of_the_whole_cluster(self):
        for program in [*self.cluster.gateways, *self.cluster.zones, self.cluster.auth]:
            program.stop()
        self.cluster.start_programs()
        self.until_all_are_there(self.watchers())

    def test_a_reset_brings_everybody_back_wherever_it_was(self):
        """Who is dead, who was taken elsewhere, and who was changed."""
        watchers, master = self.watchers(), self.game_master()
        self.until_all_are_there(watchers)
        dead, away, changed = self.plain.creatures(GOATS)
        rovers = self.plain.creatures(self.plain.spawns[0])[:6]
        x, y = self.borders()[0]
        self.assertIs(master.ask("edit", ["teleport", [away, (x + 3, y, 0)]]), True)
        for name in (changed, away, *rovers):
            self.assertIs(master.ask("set", name, "mark", 1), True)
            self.assertEqual(master.ask("get", name, "mark"), 1)
        self.kill_creature(master, dead)
        for those in watchers:
            until(lambda: dead not in self.seen(those), "it is dead")
        self.assertIs(master.ask("edit", ["reset", ["plain"]]), True)
        self.until_all_are_there(watchers)
        for those in watchers:
            seen = self.seen(those)
            for name in (dead, away, changed):
                self.assertTrue(all(20 <= place <= 22 for place in seen[name][:2]), "%s is at %r" % (name, seen[name]))
        for name in (changed, away, *rovers):
            self.assertIsNone(master.ask("get", name, "mark"), name)

    def test_operators_see_what_lives(self):
        watchers = self.watchers()
        self.until_all_are_there(watchers)

        def sums(name):
            return sum(zone.metric("pymmorpg_zone_" + name) for zone in self.cluster.zones)

        until(lambda: sums('uthreads{name="wander"}') == 20, "each wanderer is a uthread")
        until(lambda: sums("uthreads") == sums("uthreads_by_priority"), "each has a priority")
        before = sums('uthread_resumes_total{name="wander"}')
        until(lambda: sums('uthread_resumes_total{name="wander"}') > before, "they go on")
        until(lambda: sums('uthread_seconds_total{name="wander"}') > 0, "it takes time")
        until(lambda: sums("regions_by_state") == sums("regions") == 64, "each region is awake or asleep")
        # The wanderers' watchers see all regions.
        until(lambda: sums('regions_by_state{state="awake"}') == 64, "all are awake")
        for name in ("uthreads_behind", "uthread_wait_ticks_max"):
            self.assertIn("pymmorpg_zone_%s " % name, self.cluster.zones[0].fetch("/metrics")[1])
        self.kill_creature(self.game_master(), self.plain.creatures(GOATS)[0])
        until(lambda: sums('creatures{state="dead"}') >= 1, "the dead are counted")
        self.assertIs(self.game_master().ask("edit", ["reset", ["plain"]]), True)
        until(lambda: sums('creatures{state="dead"}') == 0, "nobody is dead any more")


class Deaths(CreaturesCase):
    RESPAWN_SECONDS = 3.0
    goats = Spawn("Goat", 8, (20, 20, 2, 2), respawn_ms=int(1000 * RESPAWN_SECONDS))
    plain = Plain(columns=8, rows=8, cell=8, view_distance=20, rules=_RULES.format(drops='drops = "berry"'), spawns=(goats,))

    def take_to(self, master, name, x, y):
        self.assertIs(master.ask("edit", ["teleport", [name, (x, y, 0)]]), True)

    def loot(self, watcher, x, y):
        """The name of what lies at a place."""

        def find():
            lies = [name for name, seen in watcher.view().items() if name.startswith("berry#") and seen["pos"] == (x, y, 0)]
            return lies and lies[0]

        return until(find, "something lies at (%g, %g)" % (x, y))

    def test_who_dies_away_from_home_is_at_home_again_when_its_time_has_come(self):
        name, master = self.plain.creatures(self.goats)[0], self.game_master()
        home = self.zone_at(20, 20)
        x, y = next((x, y) for x, y in self.borders() if self.zone_at(x + 4, y) is not home)
        self.take_to(master, name, x + 4, y)
        watchers = [self.play_at("Watcher", x + east, y + 1, gateway=gateway) for east in (-2, 2) for gateway in (0, 1)]
        at_home = [self.play_at("Watcher", 21, 25, gateway=gateway) for gateway in (0, 1)]
        for watcher in watchers:
            self.until_seen(watcher, name, lambda seen: seen["pos"] == (x + 4, y, 0))
        self.kill_creature(master, name)
        died = time.monotonic()
        for watcher in watchers:
            self.loot(watcher, x + 4, y)
        self.until_seen(at_home[0], name, lambda seen: all(20 <= place <= 22 for place in seen["pos"][:2]))
        self.assertGreater(time.monotonic() - died, self.RESPAWN_SECONDS - 0.1)
        self.assertLess(time.monotonic() - died, self.RESPAWN_SECONDS + 3)
        self.until_seen(at_home[1], name, lambda seen: all(20 <= place <= 22 for place in seen["pos"][:2]))
        self.assertEqual(master.ask("get", name, "hp"), 10)

    def test_of_two_who_pick_up_one_thing_one_gets_it(self):
        """On both sides of a border of zone servers, by two gateways, at once."""
        master = self.game_master()
        x, y = self.borders()[0]
        pickers = [self.play_at("Picker", x - 3, y, gateway=0), self.play_at("Picker", x + 3, y, gateway=1)]
        for count, name in enumerate(self.plain.creatures(self.goats)[1:], 1):
            there = (x + (0.5, -0.5, 3.5, -3.5)[count % 4], y + 1)
            self.take_to(master, name, *there)
            self.kill_creature(master, name)
            things = {self.loot(picker, *there) for picker in pickers}
            self.assertEqual(len(things), 1)
            (thing,) = things
            for picker in pickers:
                picker.send_all([["set", thing, "taken", True]])
            self.assertEqual(sorted(picker.results(1)[0] for picker in pickers), [False, True])
            for picker in pickers:
                self.until_unseen(picker, thing)

            def berries():
                return sum(picker.ask("get", picker.name, "berries") or 0 for picker in pickers)

            until(lambda: berries() == 3 * count, "one of them has them")
        self.assertEqual(berries(), 3 * count)


class Chase(CreaturesCase):
    wolf = Spawn("Wolf", 1, (20, 20, 1, 1))
    plain = Plain(columns=8, rows=8, cell=8, view_distance=20, rules=_RULES.format(drops=""), spawns=(wolf,))

    def test_a_chaser_follows_over_a_border_of_zone_servers_and_hits_across_it(self):
        (wolf,) = self.plain.creatures(self.wolf)
        x, y = min(self.borders(), key=lambda place: math.dist(place, (20.5, 20.5)))
        player, watcher = self.play_at("Prey", 24.5, 20.5), self.play_at("Watcher", x, y + 16, gateway=1)
        east = self.zone_at(x + 1, y)
        self.until_seen(player, wolf, lambda seen: math.dist(seen["pos"], player.position()) <= 1.5)
        self.until_hit(player)
        self.lead(player, wolf, x - 3.5, y)
        # It is the other server's, and stands so near to the border that the wolf has no need to go over it.
        player.pipeline(["move", (6.5, 0, 0)], ["move", (-2, 0, 0)])
        self.assertEqual(player.position(), (x + 1, y, 0))
        self.until_owned_by(player, east)
        for one in (player, watcher):
            self.until_seen(one, wolf, lambda seen: math.dist(seen["pos"], (x + 1, y, 0)) <= 1.5)
        for _ in range(3):
            self.until_hit(player)
            self.assertLess(player.view()[wolf]["pos"][0], x + 2)
        self.put(player, x + 6, y)
        for one in (player, watcher):
            self.until_seen(one, wolf, lambda seen: seen["pos"][0] > x + 2)
        for _ in range(3):
            self.until_hit(player)
        # When there is nobody any more, it goes home.
        self.put(watcher, 20.5, 36.5)
        player.close()
        self.until_seen(watcher, wolf, lambda seen: math.dist(seen["pos"], (20.5, 20.5, 0)) < 0.2, deadline=40)
        until(lambda: self.alive() == 1, "there is one wolf")

    def until_hit(self, player):
        before = player.ask("get", player.name, "hp")
        before = 100 if before is None else before
        until(lambda: player.ask("get", player.name, "hp") not in (None, before), "%s is hit" % player.name)

    def lead(self, player, wolf, x, y):
        """Goes so slowly that the wolf keeps up."""
        for axis, to in ((1, y), (0, x)):
            while player.position()[axis] != to:
                here = player.position()
                offset = max(min(to - here[axis], 2), -2)
                self.assertIs(player.ask("move", (0, offset, 0) if axis else (offset, 0, 0)), True)
                self.until_seen(player, wolf, lambda seen: math.dist(seen["pos"], player.position()) <= 2)
