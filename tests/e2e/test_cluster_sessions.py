"""Many gateways: who speaks for a character, what game masters do across servers, and maps that are the same everywhere."""

from harness import yard
from harness.cluster_case import ClusterCase
from harness.raw import Closed, until


class Sessions(ClusterCase):
    def test_a_login_by_another_gateway_takes_over(self):
        x, y = self.borders()[0]
        older = self.play_at("Anna", x - 3, y, gateway=0)
        watcher = self.play_at("Watcher", x + 1, y, gateway=0)
        for n in range(4):
            older.send_all([["set", older.name, "sum", (1,)], ["get", older.name, "sum"]])
            self.assertEqual(older.results(2), [True, n + 1])
            newer = self.login(older.name, gateway=1 - n % 2)
            self.assertTrue(older.is_closed(within=3), "the older connection is closed")
            self.assertEqual(newer.ask("get", newer.name, "sum"), n + 1)
            self.assertEqual(newer.position(), (x - 3, y, 0))
            self.until_seen(watcher, newer.name)
            older = newer
        self.assertIs(older.ask("set", older.name, "gold", (1,)), True)

    def test_a_login_takes_over_who_is_crossing_a_border(self):
        """Whatever of its steps was taken, the character is one, and is where its last step led."""
        x, y = self.borders()[0]
        older = self.play_at("Anna", x - 3, y, gateway=0)
        for n in range(6):
            older.send_all([["move", (6, 0, 0)], ["set", older.name, "sum", (1,)], ["move", (-6, 0, 0)], ["set", older.name, "sum", (1,)]])
            newer = self.login(older.name, gateway=1 - n % 2)
            done = self.answers_before_the_end(older)
            count = newer.ask("get", newer.name, "sum") or 0
            least = done[1::2].count(True)
            self.assertTrue(least <= count <= 2, "%d of %r" % (count, done))
            self.assertIs(newer.ask("set", newer.name, "sum", 0), True)
            self.assertIn(newer.position(), {(x - 3, y, 0), (x + 3, y, 0)})
            self.put(newer, x - 3, y)
            older = newer

    def answers_before_the_end(self, connection):
        """What it is still answered before it is closed."""
        results = []
        try:
            while True:
                results.append(connection.reply()[0])
        except Closed:
            return results

    def test_a_password_counts_at_every_gateway(self):
        player = self.play("Anna", gateway=0)
        for gateway in (0, 1):
            connection = self.connect(gateway=gateway)
            self.assertIs(connection.ask("login", player.name, "wrong"), False)
            self.assertIs(connection.ask("new", player.name, "secret"), False)
        self.assertIs(player.ask("set", player.name, "n", 1), True)


class GameMasters(ClusterCase):
    def test_teleport_across_zone_servers(self):
        x, y = self.borders()[0]
        master = self.game_master()
        self.put(master, x - 4, y)
        player, watcher = self.play_at("Anna", x - 3, y, gateway=1), self.play_at("Watcher", x + 1, y, gateway=1)
        for n in range(6):
            there = (x + 3.5, y + 1, 0) if n % 2 == 0 else (x - 3.5, y + 1, 0)
            self.assertIs(master.ask("edit", ["teleport", [player.name, there]]), True)
            self.assertEqual(master.ask("get", player.name, "pos"), there)
            # Its own gateway is another one, and hears of it a moment later than the one that asked.
            until(lambda: player.position() == there, "%s is told that it is at %r" % (player.name, there))
            self.assertIs(player.ask("set", player.name, "sum", (1,)), True)
            self.until_seen(watcher, player.name, lambda seen: seen["pos"] == there)
            self.until_owned_by(player, self.zone_at(*there[:2]))
        self.assertEqual(player.ask("get", player.name, "sum"), 6)

    def test_a_game_master_teleports_itself_with_more_sent_ahead(self):
        x, y = self.borders()[0]
        master = self.game_master()
        self.put(master, x - 4, y)
        there, back = (x + 4, y, 0), (x - 4, y, 0)
        requests = [["edit", ["teleport", [master.name, there]]], ["get", master.name, "pos"], ["set", master.name, "n", 1], ["move", (1, 0, 0)]]
        requests += [["edit", ["teleport", [master.name, back]]], ["get", master.name, "pos"], ["get", master.name, "n"]]
        self.assertEqual(master.pipeline(*requests), [True, there, True, True, True, back, 1])

    def test_who_is_placed_is_moved_and_removed_across_zone_servers(self):
        x, y = self.borders()[0]
        master = self.game_master()
        self.put(master, x - 3, y)
        watcher = self.play_at("Watcher", x + 1, y, gateway=1)
        name = self.name("Owl")
        self.assertIs(master.ask("edit", ["spawn", [name, (x + 3, y, 0), {"note": 5}]]), True)
        self.until_seen(watcher, name, lambda seen: seen["pos"] == (x + 3, y, 0))
        self.assertIs(master.ask("edit", ["spawn", [name, (x - 1, y, 0), {}]]), False)
        self.assertIs(master.ask("set", name, "note", (1,)), True)
        self.assertIs(master.ask("edit", ["teleport", [name, (x - 3, y, 0)]]), True)
        self.until_seen(watcher, name, lambda seen: seen["pos"] == (x - 3, y, 0))
        self.assertEqual(watcher.ask("get", name, "note"), 6)
        self.put(master, x + 4, y)
        self.assertIs(master.ask("edit", ["despawn", [name]]), True)
        self.until_unseen(watcher, name)
        self.assertIs(master.ask("get", name, "note"), None)

    def test_kick_across_gateways(self):
        x, y = self.borders()[0]
        master = self.game_master()
        self.put(master, x - 4, y)
        for gateway in (0, 1):
            player = self.play_at("Rowdy", x + 3, y, gateway=gateway)
            self.assertIs(master.ask("edit", ["kick", [player.name]]), True)
            self.assertTrue(player.is_closed(within=3), "the connection at gateway %d is closed" % gateway)
            again = self.login(player.name, gateway=gateway)
            self.assertEqual(again.position(), (x + 3, y, 0))

    def test_who_is_no_game_master_edits_nothing_across_zone_servers(self):
        x, y = self.borders()[0]
        player, other = self.play_at("Player", x - 3, y, gateway=0), self.play_at("Other", x + 3, y, gateway=1)
        for edit in (["teleport", [other.name, (x - 3, y, 0)]], ["kick", [other.name]], ["tile", ["plain", "Ground", int(x) + 1, 3, 5]]):
            self.assertIs(player.ask("edit", edit), False)
        self.assertEqual(other.position(), (x + 3, y, 0))


class Maps(ClusterCase):
    def test_a_wall_is_a_wall_on_both_sides_of_a_border(self):
        """It is made on the far side, and stops at once who comes from this one; and when it is gone, nobody any more."""
        x, y = self.borders()[0]
        master = self.game_master()
        walker, other = self.play_at("Walker", x - 1.5, y + 0.5, gateway=1), self.play_at("Other", x + 1.5, y + 0.5, gateway=0)
        for tile, player in ((int(x), walker), (int(x) - 1, other)):
            self.assertIs(master.ask("edit", ["tile", ["plain", "Collision", tile, int(y), yard.WALL_GID]]), True)
            # Its own zone server may follow a moment later than the one that made it.
            until(lambda: not self.crosses(player, x), "the wall at %d stops %s" % (tile, player.name))
            here = player.position()
            for _ in range(5):
                self.assertFalse(self.crosses(player, x))
            self.assertEqual(player.position(), here)
            self.assertIs(master.ask("edit", ["tile", ["plain", "Collision", tile, int(y), 0]]), True)
            until(lambda: self.crosses(player, x), "the way of %s is free again" % player.name)

    def crosses(self, player, x):
        """Whether it can go over to the other side of a border."""
        return player.ask("move", (3 if player.position()[0] < x else -3, 0, 0))

    def test_edits_are_read_and_flagged_at_both_gateways(self):
        master = self.game_master()
        players = [self.play("Reader", gateway=gateway) for gateway in (0, 1)]
        for connection in [master, *players]:
            until(lambda: connection.ask_all("ver") == [yard.VERSION], "%s has taken what was flagged before" % connection.name)
            connection.flags.clear()
        for n, (tile_x, tile_y) in enumerate(((1, 4), (50, 50), (90, 20))):
            before = players[0].ask("get", "map:plain", "version")
            self.assertIs(master.ask("edit", ["tile", ["plain", "Ground", tile_x, tile_y, n + 3]]), True)
            for player in players:
                self.take_flag(player)
                edit = ("Ground", tile_x, tile_y, n + 3)
                until(lambda: edit in player.ask("get", "map:plain", "edits"), "%s reads the edit" % player.name)
                until(lambda: player.ask("get", "map:plain", "version") > before, "%s reads the version" % player.name)
        self.assert_no_flags(players[0], seconds=0.5)

    def test_a_reset_is_in_force_everywhere_when_it_is_answered(self):
        x, y = self.borders()[0]
        master = self.game_master()
        walkers = [self.play_at("Walker", x + 2 * side, y + 2.5, gateway=gateway) for gateway, side in enumerate((-1, 1))]
        for tile in ((int(x) + east, int(y) + 2) for east in (-1, 0)):
            self.assertIs(master.ask("edit", ["tile", ["plain", "Collision", *tile, yard.WALL_GID]]), True)
        for walker, side in zip(walkers, (-1, 1)):
            until(lambda: not walker.ask("move", (-4 * side, 0, 0)) or not walker.ask("move", (4 * side, 0, 0)), "the walls stand")
        for edit in ("reload", "reset"):
            self.assertIs(master.ask("edit", [edit, ["plain"]]), True)
            if edit == "reload":
                for walker, side in zip(walkers, (-1, 1)):
                    self.assertIs(walker.ask("move", (-4 * side, 0, 0)), False, "a reload keeps edits")
        for walker, side in zip(walkers, (-1, 1)):
            self.assertIs(walker.ask("move", (-4 * side, 0, 0)), True, "a reset drops them")
        for walker in walkers:
            until(lambda: walker.ask("get", "map:plain", "edits") == [], "%s reads no edits" % walker.name)
