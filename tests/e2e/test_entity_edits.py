"""Edits of those who are in the world: spawn, despawn, teleport and kick. Each is in force before its True."""

from harness.case import YardCase
from harness.raw import Closed, frame


class Entities(YardCase):
    def setUp(self):
        self.master = self.game_master()

    def edit(self, command, *data):
        return self.master.ask("edit", [command, list(data)])

    def test_spawn_and_despawn(self):
        watcher = self.play("Watcher")
        name = self.name("Owl")
        self.assertIs(self.edit("spawn", name, (7.5, 7.5, 0), {"visual": "owl", "hp": 7, "note": [1], "gold": 3}), True)
        self.assertEqual(self.master.view()[name], {"pos": (7.5, 7.5, 0), "name": name, "visual": "owl", "hp": 7})
        self.until_seen(watcher, name, lambda seen: seen["visual"] == "owl")
        self.assertEqual(watcher.ask("get", name, "note"), [1])
        self.assertIs(watcher.ask("set", name, "note", 2), False, "it is nobody's")
        self.assertIs(self.edit("despawn", name), True)
        self.assertNotIn(name, self.master.view())
        self.until_unseen(watcher, name)
        self.assertIs(watcher.ask("get", name, "note"), None)
        self.assertIs(self.edit("despawn", name), False, "it is gone")

    def test_spawn_with_a_behaviour(self):
        name = self.name("Guard")
        self.assertIs(self.edit("spawn", name, (7.5, 7.5, 0), {}, "wander"), True)
        self.assertIn(name, self.master.view())

    def test_spawn_in_other_regions_and_levels(self):
        level = self.master.ask("get", "map:cellar", "bounds")[2]
        for place in ((4.5, 4.5, level), (45.5, 13.5, 0), (8.0, 8.0, 0)):
            name = self.name("Owl")
            self.assertIs(self.edit("spawn", name, place, {"visual": "owl"}), True, place)
            self.assertEqual(self.master.ask("get", name, "pos"), place)
            self.assertIs(self.edit("teleport", name, (6.5, 6.5, 0)), True)
            self.assertEqual(self.master.view()[name]["pos"], (6.5, 6.5, 0))

    def test_names_that_are_taken(self):
        online, offline = self.play("Online"), self.play("Offline")
        offline.close()
        owl = self.name("Owl")
        self.assertIs(self.edit("spawn", owl, (7.5, 7.5, 0), {}), True)
        for taken in (owl, owl.upper(), online.name, offline.name.lower(), self.master.name):
            self.assertIs(self.edit("spawn", taken, (7.5, 7.5, 0), {}), False, taken)
        self.assertIs(self.connect().ask("new", owl, "secret"), False, "an account cannot have it either")
        self.assertIs(self.connect().ask("login", owl, ""), False)

    def test_what_cannot_be_spawned(self):
        level = self.master.ask("get", "map:cellar", "bounds")[2]
        good, here = "Never There", (7.5, 7.5, 0)
        bad = [
            ["", here, {}],
            ["a/b", here, {}],
            ["map:west", here, {}],
            ["Slime#1", here, {}],
            [" a", here, {}],
            ["x" * 33, here, {}],
            [b"\xff", here, {}],
        ]
        bad += [
            [good, (0.5, 0.5, 0), {}],
            [good, (-5, 5, 0), {}],
            [good, (7.5, 7.5, 99), {}],
            [good, (7.5, 7.5, 0.5), {}],
            [good, (9.5, 7.5, level), {}],
        ]
        bad += [
            [good, (float("nan"), 7.5, 0), {}],
            [good, (7.5, float("inf"), 0), {}],
            [good, (7.5, 7.5), {}],
            [good, None, {}],
            [good, here],
            [good, here, None],
        ]
        bad += [
            [good, here, {"hp": 101}],
            [good, here, {"hp": "x"}],
            [good, here, {"pos": here}],
            [good, here, {"name": "x"}],
            [good, here, {"role": "gm"}],
            [good, here, {1: 2}],
        ]
        bad += [
            [good, here, {"visual": "x" * 5000}],
            [good, here, {"n" * 65: 1}],
            [good, here, {}, 5],
            [good, here, {}, "wander leash=" + "1" * 64],
            [good, here, {}, "wonder"],
            [good, here, {}, "wander leash=far"],
            [good, here, {}, "wander", 1],
        ]
        for data in bad:
            self.assertEqual(self.master.ask("edit", ["spawn", data]), False, data)
        self.assertIs(self.master.ask("get", good, "pos"), None)

    def test_what_cannot_be_despawned(self):
        player, offline = self.play("Player"), self.play("Offline")
        offline.close()
        for data in ([player.name], [offline.name], [self.master.name], ["Nobody at all"], ["map:west"], [], [1], ["a", "b"]):
            self.assertEqual(self.master.ask("edit", ["despawn", data]), False, data)
        self.assertIs(player.ask("set", player.name, "n", 1), True)
        self.assertIs(self.connect().ask("login", offline.name, "secret"), True)

    def test_teleport(self):
        player, watcher = self.play("Player"), self.play("Watcher")
        level = player.ask("get", "map:cellar", "bounds")[2]
        self.until_seen(watcher, player.name)
        for place in ((4.5, 4.5, level), (45.5, 13.5, 0), (2.5, 8.25, 0), (2.5, 8.25, 0), (8.0, 8.0, 0), (7.75, 7.75, 0)):
            self.assertIs(self.edit("teleport", player.name, place), True)
            self.assertEqual(player.position(), place)
            self.assertEqual(player.view()[player.name]["pos"], place)
            self.assertIs(player.ask("set", player.name, "at", list(place)), True, "it plays on there")
            if place[2] == 0 and place[0] < 14:
                self.until_seen(watcher, player.name, lambda seen: seen["pos"] == place)
            else:
                self.until_unseen(watcher, player.name)

    def test_teleport_of_oneself(self):
        self.assertIs(self.edit("teleport", self.master.name.lower(), (20.5, 8.5, 0)), True)
        self.assertEqual(self.master.position(), (20.5, 8.5, 0))
        self.assertEqual(
            self.master.pipeline(["edit", ["teleport", [self.master.name, (4.5, 8.5, 0)]]], ["move", (1, 0, 0)], ["get", self.master.name, "pos"]),
            [True, True, (5.5, 8.5, 0)],
        )

    def test_where_nobody_can_be_teleported(self):
        player = self.play("Player")
        name, place = player.name, player.position()
        for data in (
            [name, (0.5, 0.5, 0)],
            [name, (-5.5, 5.5, 0)],
            [name, (7.5, 7.5, 99)],
            [name, (7.5, 7.5, 0.5)],
            [name, (float("nan"), 1, 0)],
            [name, (1e300, 1, 0)],
        ):
            self.assertIs(self.master.ask("edit", ["teleport", data]), False, data)
        for data in (["Nobody at all", (5.5, 5.5, 0)], ["map:west", (5.5, 5.5, 0)], [name], [name, (5.5, 5.5)], [name, None], [1, (5.5, 5.5, 0)]):
            self.assertIs(self.master.ask("edit", ["teleport", data]), False, data)
        self.assertEqual(player.position(), place)

    def test_teleport_in_the_middle_of_a_pipeline(self):
        """Whatever the player has sent meanwhile is carried out once, before it or after it."""
        player = self.play("Player")
        for n in range(6):
            place = ((20.5, 8.5, 0), (4.5, 8.5, 0))[n % 2]
            player.send_all([["set", player.name, "n%d" % n, (1,)]] * 60)
            self.assertIs(self.edit("teleport", player.name, place), True)
            self.assertEqual(player.results(60), [True] * 60)
            self.assertEqual(player.ask("get", player.name, "n%d" % n), 60)
            self.assertEqual(player.position(), place)

    def test_kick(self):
        player, watcher = self.play("Rowdy"), self.play("Watcher")
        self.until_seen(watcher, player.name)
        self.assertIs(self.edit("kick", player.name.upper()), True)
        self.assertTrue(player.is_closed(within=10))
        self.until_unseen(watcher, player.name)
        again = self.login(player.name)
        self.assertEqual(again.position(), (4.0, 4.0, 0), "it may come again")
        for data in (["Nobody at all"], ["map:west"], [], [1]):
            self.assertIs(self.master.ask("edit", ["kick", data]), False, data)

    def test_kick_of_one_who_is_not_there(self):
        offline = self.play("Offline")
        offline.close()
        self.until_unseen(self.master, offline.name)
        self.assertIs(self.edit("kick", offline.name), False)

    def test_kick_of_oneself(self):
        self.master.send(frame(["edit", ["kick", [self.master.name]]]))
        try:
            self.assertEqual(self.master.reply()[0], True)
            self.assertTrue(self.master.is_closed(within=10))
        except Closed:
            pass

    def test_those_of_the_map(self):
        """An NPC may be moved and changed as well; a reset puts it back."""
        player = self.play("Player")
        (npc,) = (entity for entity in player.view().values() if entity["visual"] == "npc-gardener")
        name = npc["name"]
        self.assertIs(self.master.ask("set", name, "hp", 5), True)
        self.until_seen(player, name, lambda seen: seen.get("hp") == 5)
        self.assertIs(self.edit("teleport", name, (8.5, 7.5, 0)), True)
        self.until_seen(player, name, lambda seen: seen["pos"] == (8.5, 7.5, 0))
        self.assertIs(self.edit("despawn", name), True)
        self.until_unseen(player, name)
        self.assertIs(self.edit("reset", "west"), True)
        self.until_seen(player, name, lambda seen: seen == npc)
