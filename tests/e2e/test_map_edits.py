"""Edits of maps: tiles, and whole maps afresh. Each is in force before its True."""

import re

from harness import yard
from harness.case import YardCase
from harness.raw import until


class Tiles(YardCase):
    def setUp(self):
        self.master = self.game_master()

    def block(self, x, y, gid=yard.WALL_GID, level_map="west"):
        self.assertIs(self.master.ask("edit", ["tile", [level_map, "Collision", x, y, gid]]), True)

    def until_out_of(self, player, x, y):
        """Where somebody is who stood in a new wall: the wall stands at once, and the news of the move comes with the next tick."""
        until(lambda: not is_within(player.position(), [x], [y]), "%s is out of the wall" % player.name)
        return player.position()

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
        x, y, z = self.until_out_of(player, 15, 9)
        self.assertLessEqual(max(abs(x - 15.5), abs(y - 9.5)), 1.0, "no farther than need be")
        self.assertEqual(player.view()[player.name]["pos"], (x, y, z))
        self.assertTrue(any(player.ask("move", (dx, dy, 0)) for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1))), "it is shut in")
        self.block(15, 9, 0)

    def test_many_who_stand_in_new_walls(self):
        players = [self.play("Buried") for _ in range(4)]
        for number, player in enumerate(players):
            player.walk_to(5.5, 12.5)
            player.walk_to(5.5 + number, 12.5)
        for x in range(5, 9):
            self.block(x, 12)
        for player in players:
            until(lambda: not is_within(player.position(), range(5, 9), [12]), "%s is out of the wall" % player.name)
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
        until(lambda: not is_within(player.position(), [10], [4]), "it is out of the wall")
        x, y, _ = player.position()
        self.assertLessEqual(max(abs(x - 10.5), abs(y - 4.5)), 1.0)

    def test_no_such_map(self):
        for command in ("reload", "reset"):
            for data in (["nowhere"], ["map:west"], ["WEST"], [], [1], ["west", 1]):
                self.assertIs(self.master.ask("edit", [command, data]), False, data)


def is_within(position, columns, rows):
    """Whether a position is on one of these tiles."""
    return int(position[0]) in columns and int(position[1]) in rows


def ground_rows(tmx):
    """The tiles of the layer Ground in a map's file."""
    data = re.search(rb'name="Ground".*?<data encoding="csv">(.*?)</data>', tmx, re.S).group(1)
    return [[int(gid) for gid in row.strip(b",").split(b",")] for row in data.strip().split(b"\n")]
