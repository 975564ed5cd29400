"""Edit commands: for game masters only, each of them in force before its True."""

import re
import sqlite3

from harness import yard
from harness.case import YardCase
from harness.raw import Closed, frame, until


class NoGameMaster(YardCase):
    def test_false_and_no_effect(self):
        master, player, other = self.game_master(), self.play("Player"), self.play("Other")
        self.assertIs(master.ask("edit", ["spawn", ["Statue", (5.5, 9.5, 0), {}]]), True)
        edits = [
            ["tile", ["west", "Collision", 5, 8, yard.WALL_GID]],
            ["spawn", ["Dragon", (5.5, 8.5, 0), {"visual": "dragon"}]],
            ["despawn", ["Statue"]],
        ]
        edits += [
            ["teleport", [other.name, (5.5, 8.5, 0)]],
            ["teleport", [player.name, (5.5, 8.5, 0)]],
            ["kick", [other.name]],
            ["reload", ["west"]],
            ["reset", ["west"]],
        ]
        version = player.ask("get", "map:west", "version")
        for edit in edits:
            self.assertEqual(player.ask_all("edit", edit), [False], edit)
        self.assertEqual(player.ask("get", "map:west", "version"), version)
        self.assertEqual(player.ask("get", "map:west", "edits"), [])
        self.assertIs(player.ask("get", "Dragon", "visual"), None)
        self.assertEqual(player.ask("get", "Statue", "pos"), (5.5, 9.5, 0))
        self.assertEqual((player.position(), other.position()), ((4.0, 4.0, 0), (4.0, 4.0, 0)))


class Tiles(YardCase):
    def setUp(self):
        self.master = self.game_master()

    def block(self, x, y, gid=yard.WALL_GID, level_map="west"):
        self.assertIs(self.master.ask("edit", ["tile", [level_map, "Collision", x, y, gid]]), True)

    def test_collision_follows_at_once(self):
        player = self.play("Walker")
        player.walk_to(4.5, 9.5)
        for _ in range(3):
            self.block(5, 9)
            self.assertIs(player.ask("move", (1, 0, 0)), False, "the wall stands before the edit's True")
            self.block(5, 9, 0)
            self.assertIs(player.ask("move", (1, 0, 0)), True)
            self.assertIs(player.ask("move", (-1, 0, 0)), True)

    def test_the_first_tile_of_the_collision_set_blocks_nothing(self):
        player = self.play("Walker")
        player.walk_to(4.5, 9.5)
        self.block(5, 9, yard.WALL_GID - 1)
        self.assertIs(player.ask("move", (1, 0, 0)), True)
        self.block(5, 9, 0)

    def test_other_layers_block_nothing(self):
        player = self.play("Walker")
        player.walk_to(4.5, 9.5)
        self.assertIs(self.master.ask("edit", ["tile", ["west", "Ground", 5, 9, 7]]), True)
        self.assertIs(player.ask("move", (1, 0, 0)), True)

    def test_a_map_beside(self):
        """Coordinates count in the map's own tiles."""
        player = self.play("Walker")
        player.walk_to(23.5, 9.5)
        player.walk_to(25.5, 9.5)
        self.block(2, 9, level_map="east")
        self.assertIs(player.ask("move", (1, 0, 0)), False)
        self.block(2, 9, 0, level_map="east")
        self.assertIs(player.ask("move", (1, 0, 0)), True)

    def test_who_stands_in_a_new_wall_is_moved(self):
        player = self.play("Buried")
        player.walk_to(14.5, 9.5)
        player.walk_to(15.5, 9.5)  # its neighbour to the east is another region's
        self.block(15, 9)
        x, y, z = player.position()
        self.assertNotEqual((int(x), int(y)), (15, 9))
        self.assertLessEqual(max(abs(x - 15.5), abs(y - 9.5)), 1.0, "no farther than need be")
        self.assertEqual(player.view()[player.name]["pos"], (x, y, z))
        until(lambda: any(player.ask("move", (dx, dy, 0)) for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1))), "it is free to go")
        self.block(15, 9, 0)

    def test_many_who_stand_in_new_walls(self):
        players = [self.play("Buried") for _ in range(4)]
        for number, player in enumerate(players):
            player.walk_to(5.5, 12.5)
            player.walk_to(5.5 + number, 12.5)
        for x in range(5, 9):
            self.block(x, 12)
        for player in players:
            x, y, _ = player.position()
            self.assertFalse(int(y) == 12 and 5 <= int(x) <= 8, "%s stands in a wall at %r" % (player.name, (x, y)))
        self.assertIs(self.master.ask("edit", ["reset", ["west"]]), True)

    def test_what_is_no_tile(self):
        player = self.play("Witness")
        edits = player.ask("get", "map:west", "edits")
        bad = [
            ["nowhere", "Ground", 1, 1, 1],
            ["west", "nothing", 1, 1, 1],
            ["west", "Objects", 1, 1, 1],
            ["west", "Ground", -1, 1, 1],
            ["west", "Ground", 1, -1, 1],
        ]
        bad += [
            ["west", "Ground", 24, 1, 1],
            ["west", "Ground", 1, 16, 1],
            ["west", "Ground", 1, 1, 33],
            ["west", "Ground", 1, 1, -1],
            ["west", "Ground", 1, 1, 2**32],
        ]
        bad += [
            ["west", "Ground", 1.5, 1, 1],
            ["west", "Ground", 1, 1],
            ["west", "Ground", 1, 1, 1, 1],
            [b"\xff", "Ground", 1, 1, 1],
            ["west", "Ground", True, 1, 1],
            ["west", "Ground", 2**70, 1, 1],
            [],
        ]
        for data in bad:
            self.assertEqual(self.master.ask("edit", ["tile", data]), False, data)
        self.assertEqual(player.ask("get", "map:west", "edits"), edits)

    def test_what_the_map_says(self):
        player = self.play("Reader")
        self.assertIs(self.master.ask("edit", ["reset", ["west"]]), True)
        versions = [player.ask("get", "map:west", "version")]
        for gid in (5, 6):
            self.assertIs(self.master.ask("edit", ["tile", ["west", "Ground", 3, 2, gid]]), True)
            self.take_flag(player)
            versions.append(player.ask("get", "map:west", "version"))
            self.assertEqual(player.ask("get", "map:west", "edits"), [("Ground", 3, 2, gid)])
            rows = ground_rows(player.ask("get", "map:west", "tmx"))
            self.assertEqual((rows[2][3], rows[2][2], rows[3][3]), (gid, yard.GRASS_GID, yard.GRASS_GID))
        self.assertEqual(versions, sorted(set(versions)), "each edit raises the version")
        self.assertEqual(player.ask("get", "map:west", "bounds"), (0, 0, 0, 24, 16))
        self.assertEqual(player.ask("get", "map:east", "bounds"), (24, 0, 0, 24, 16))
        self.assertEqual(player.ask("get", "map:cellar", "bounds")[3:], (10, 8))
        self.assertIs(player.ask("get", "map:west", "no such"), None)


def ground_rows(tmx):
    """The tiles of the layer Ground in a map's file."""
    data = re.search(rb'name="Ground".*?<data encoding="csv">(.*?)</data>', tmx, re.S).group(1)
    return [[int(gid) for gid in row.strip(b",").split(b",")] for row in data.strip().split(b"\n")]


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
            [good, here, {}, "x" * 65],
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


class WholeMaps(YardCase):
    def setUp(self):
        self.master = self.game_master()

    def edit(self, command, *data):
        return self.master.ask("edit", [command, list(data)])

    def test_reload_keeps_what_fits(self):
        player = self.play("Reader")
        player.walk_to(4.5, 9.5)
        self.edit("reset", "west")
        self.assertIs(self.edit("tile", "west", "Collision", 5, 9, yard.WALL_GID), True)
        version = player.ask("get", "map:west", "version")
        self.take_flag(player)
        self.assertIs(self.edit("reload", "west"), True)
        self.take_flag(player)
        self.assertGreater(player.ask("get", "map:west", "version"), version)
        self.assertEqual(player.ask("get", "map:west", "edits"), [("Collision", 5, 9, yard.WALL_GID)])
        self.assertIs(player.ask("move", (1, 0, 0)), False)

    def test_reset_drops_every_edit(self):
        player = self.play("Reader")
        player.walk_to(4.5, 9.5)
        for x in range(5, 9):
            self.assertIs(self.edit("tile", "west", "Collision", x, 9, yard.WALL_GID), True)
        self.assertIs(self.edit("tile", "east", "Ground", 1, 1, 3), True)
        self.take_flag(player)
        self.assertIs(self.edit("reset", "west"), True)
        self.assertIs(player.ask("move", (1, 0, 0)), True, "the walls are gone before the True")
        self.take_flag(player)
        self.assertEqual(player.ask("get", "map:west", "edits"), [])
        self.assertEqual(player.ask("get", "map:west", "tmx"), (self.world / "west.tmx").read_bytes())
        self.assertEqual(player.ask("get", "map:east", "edits"), [("Ground", 1, 1, 3)], "another map keeps its own")

    def test_what_was_placed_and_who_plays_stays(self):
        player = self.play("Player")
        name = self.name("Owl")
        self.assertIs(self.edit("spawn", name, (7.5, 7.5, 0), {}), True)
        place = player.position()
        for command in ("reload", "reset"):
            self.assertIs(self.edit(command, "west"), True)
            self.assertEqual(player.position(), place)
            self.assertIn(name, player.view())

    def test_who_stands_where_a_wall_comes_back_is_moved(self):
        player = self.play("Squatter")
        self.assertIs(self.edit("tile", "west", "Collision", 10, 4, 0), True)
        player.walk_to(10.5, 4.5)
        self.assertIs(self.edit("reset", "west"), True)
        x, y, _ = player.position()
        self.assertNotEqual((int(x), int(y)), (10, 4))
        self.assertLessEqual(max(abs(x - 10.5), abs(y - 4.5)), 1.0)

    def test_no_such_map(self):
        for command in ("reload", "reset"):
            for data in (["nowhere"], ["map:west"], ["WEST"], [], [1], ["west", 1]):
                self.assertIs(self.master.ask("edit", [command, data]), False, data)


class Audit(YardCase):
    def lines(self):
        path = self.server.data / "pymmorpg.sqlite"
        database = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        try:
            return database.execute("SELECT author, command, at_ms FROM audit ORDER BY id").fetchall()
        finally:
            database.close()

    def test_who_when_and_what(self):
        master, player = self.game_master(), self.play("Player")
        name = self.name("Owl")
        edits = [
            ["tile", ["west", "Ground", 3, 2, 5]],
            ["spawn", [name, (7.5, 7.5, 0), {"visual": "owl"}]],
            ["teleport", [player.name, (5.5, 5.5, 0)]],
        ]
        edits += [["despawn", [name]], ["kick", [player.name]], ["reload", ["west"]], ["reset", ["west"]]]
        before = len(self.lines())
        for edit in edits:
            self.assertIs(master.ask("edit", edit), True)
            lines = self.lines()[before:]
            self.assertEqual(len(lines), 1, "durable before its True: %r" % edit)
            author, command, at_ms = lines[0]
            self.assertEqual(author, master.name.lower())
            self.assertIn(edit[0], command)
            self.assertIn(str(edit[1][0]).lower(), command.lower())
            self.assertGreater(at_ms, 1.7e12)
            before += 1

    def test_what_was_refused_is_not_in_it(self):
        master, player = self.game_master(), self.play("Player")
        before = self.lines()
        self.assertIs(master.ask("edit", ["tile", ["west", "Ground", 99, 2, 5]]), False)
        self.assertIs(master.ask("edit", ["despawn", [player.name]]), False)
        self.assertIs(master.ask("edit", ["teleport", ["Nobody at all", (5.5, 5.5, 0)]]), False)
        self.assertIs(player.ask("edit", ["tile", ["west", "Ground", 3, 2, 5]]), False)
        self.assertEqual(self.lines(), before)
