"""The world's files: checked, published, watched, refused when they are broken, and brought back."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

from harness import yard
from harness.case import YardCase
from harness.raw import until
from harness.server import Server, run_command


def with_wall(drawing, x, y):
    """A drawing with one more wall."""
    rows = drawing.strip().split("\n")
    rows[y] = rows[y][:x] + "#" + rows[y][x + 1 :]
    return "\n".join(rows)


class Watched(YardCase):
    """Files that change while `up` serves them."""

    is_fast = False

    def setUp(self):
        self.player = self.play("Player")
        self.addCleanup(self.restore)

    def restore(self):
        """The yard as it was, and served so, for the next test."""
        for extra in ("attic.tmx", "client/link.txt"):
            if (self.world / extra).is_symlink() or (self.world / extra).exists():
                (self.world / extra).unlink()
        yard.write(self.world)
        witness = self.server.play("Witness")
        until(lambda: witness.ask("get", "map:west", "tmx") == (self.world / "west.tmx").read_bytes(), "the old map is served again")
        until(lambda: witness.ask("ver") == yard.VERSION, "and the old client")
        witness.close()

    def server_version(self):
        """The number of the content version that is current."""
        versions = json.loads(self.server.command("world", "versions", "--json"))
        return next(version["version"] for version in versions if version["current"])

    def wait_for_version(self, after):
        """Waits until a newer version than that is current."""
        return until(lambda: self.server_version() > after and self.server_version(), "a version after %d is published" % after, pause=0.1)

    def test_a_changed_map(self):
        self.player.walk_to(4.5, 9.5)
        east = self.player.ask("get", "map:east", "version")
        west = self.player.ask("get", "map:west", "version")
        tmx = yard.tmx("west", with_wall(yard.WEST, 5, 9))
        (self.world / "west.tmx").write_text(tmx)
        self.take_flag(self.player)
        self.assertEqual(self.player.ask("get", "map:west", "tmx"), tmx.encode())
        self.assertGreater(self.player.ask("get", "map:west", "version"), west)
        self.assertEqual(self.player.ask("get", "map:east", "version"), east, "the other map is as it was")
        until(lambda: not self.player.ask("move", (1, 0, 0)) or not self.player.ask("move", (-1, 0, 0)), "collision follows")
        self.assert_no_flags(self.player)

    def test_who_stands_in_a_wall_that_was_drawn_is_moved(self):
        self.player.walk_to(4.5, 9.5)
        (self.world / "west.tmx").write_text(yard.tmx("west", with_wall(yard.WEST, 4, 9)))
        until(lambda: self.player.position() != (4.5, 9.5, 0), "it is moved")
        x, y, _ = self.player.position()
        self.assertLessEqual(max(abs(x - 4.5), abs(y - 9.5)), 1.0)

    def test_edits_are_laid_over_what_is_published(self):
        master = self.game_master()
        self.assertIs(master.ask("edit", ["tile", ["west", "Collision", 5, 9, yard.WALL_GID]]), True)
        self.assertIs(master.ask("edit", ["tile", ["west", "Ground", 3, 2, 5]]), True)
        self.player.walk_to(4.5, 9.5)
        self.take_flag(self.player)
        (self.world / "west.tmx").write_text(yard.tmx("west", with_wall(yard.WEST, 15, 9)))
        self.take_flag(self.player)
        tmx = self.player.ask("get", "map:west", "tmx")
        self.assertNotEqual(tmx, (self.world / "west.tmx").read_bytes())
        self.assertEqual(sorted(self.player.ask("get", "map:west", "edits")), [("Collision", 5, 9, yard.WALL_GID), ("Ground", 3, 2, 5)])
        self.assertIs(self.player.ask("move", (1, 0, 0)), False, "the edit's wall still stands")
        self.assertIs(master.ask("edit", ["reset", ["west"]]), True)
        self.assertEqual(self.player.ask("get", "map:west", "tmx"), (self.world / "west.tmx").read_bytes())

    def test_a_broken_map_is_refused_and_the_old_stays(self):
        self.server.expect_log(r"west\.tmx|world refused|world not published")
        before = self.server_version()
        tmx = self.player.ask("get", "map:west", "tmx")
        (self.world / "west.tmx").write_text("<map>this is no map")
        until(lambda: "refused" in self.server.log_text(), "the refusal is in the log")
        self.assertEqual(self.player.ask("get", "map:west", "tmx"), tmx)
        self.assert_no_flags(self.player)
        self.assertEqual(self.server_version(), before)
        self.assertIs(self.player.ask("move", (1, 0, 0)), True, "play goes on")
        # And once it is mended, it is served.
        mended = yard.tmx("west", with_wall(yard.WEST, 15, 9))
        (self.world / "west.tmx").write_text(mended)
        self.take_flag(self.player)
        self.assertEqual(self.player.ask("get", "map:west", "tmx"), mended.encode())

    def test_broken_settings_are_refused(self):
        self.server.expect_log(r"world\.toml|world refused|world not published")
        refusals = self.server.log_text().count("world refused")
        (self.world / "world.toml").write_text("speed = 'fast'\n")
        until(lambda: self.server.log_text().count("world refused") > refusals, "the refusal is in the log")
        self.assertIs(self.player.ask("move", (1, 0, 0)), True)

    def test_changed_settings(self):
        self.assertIs(self.player.ask("set", self.player.name, "gold", 2000), False)
        text = yard.WORLD_TOML.replace("max = 1000", "max = 5000").replace("view_distance = 10", "view_distance = 3")
        (self.world / "world.toml").write_text(text)
        until(lambda: self.player.ask("set", self.player.name, "gold", 2000), "the new rule holds")
        other = self.play("Other")
        other.walk(0, 2)
        self.until_seen(self.player, other.name)
        other.walk(0, 2)
        self.until_unseen(self.player, other.name)

    def test_a_new_map_moves_nobody(self):
        bounds = {name: self.player.ask("get", "map:" + name, "bounds") for name in ("west", "east", "cellar")}
        self.assertIs(self.player.ask("get", "map:attic", "bounds"), None)
        (self.world / "attic.tmx").write_text(yard.tmx("attic", "#####\n#...#\n#####"))
        until(lambda: self.player.ask("get", "map:attic", "bounds"), "the new map is there")
        attic = self.player.ask("get", "map:attic", "bounds")
        self.assertEqual(attic[3:], (5, 3))
        self.assertNotIn(attic[2], {place[2] for place in bounds.values()}, "it has a level of its own")
        for name, place in bounds.items():
            self.assertEqual(self.player.ask("get", "map:" + name, "bounds"), place)
        master = self.game_master()
        until(lambda: master.ask("edit", ["teleport", [self.player.name, (attic[0] + 1.5, attic[1] + 1.5, attic[2])]]), "one can be there")
        until(lambda: self.player.ask("move", (1, 0, 0)), "one can walk there")
        self.assertIs(self.player.ask("move", (0, 1, 0)), False)
        # A map that is taken away takes nobody with it.
        (self.world / "attic.tmx").unlink()
        until(lambda: self.player.ask("get", "map:attic", "bounds") is None, "the map is gone")
        until(lambda: self.player.position()[2] == 0, "who was there is in the world")
        until(lambda: self.player.ask("move", (0, 1, 0)), "and walks on")

    def test_rollback(self):
        before = self.server_version()
        old = self.player.ask("get", "map:west", "tmx")
        (self.world / "west.tmx").write_text(yard.tmx("west", with_wall(yard.WEST, 5, 9)))
        (self.world / "client" / "VERSION").write_text("3.0.0\n")
        self.wait_for_version(before)
        until(lambda: self.player.ask("ver") == "3.0.0", "the new version is out")
        until(lambda: self.player.ask("get", "map:west", "tmx") != old, "the new map is served")
        self.server.command("world", "rollback", str(before))
        until(lambda: self.player.ask("get", "map:west", "tmx") == old, "the old map is served")
        until(lambda: self.player.ask("ver") == yard.VERSION, "the old version is out")
        self.player.walk_to(4.5, 9.5)
        until(lambda: self.player.ask("move", (1, 0, 0)), "the wall is gone")
        self.server.command("world", "rollback", "999", code=1)

    def test_rollback_raises_the_flags(self):
        before = self.server_version()
        (self.world / "west.tmx").write_text(yard.tmx("west", with_wall(yard.WEST, 5, 9)))
        (self.world / "client" / "VERSION").write_text("3.0.0\n")
        self.take_both_flags()
        self.server.command("world", "rollback", str(before))
        self.take_both_flags()
        self.assertEqual(self.player.ask("ver"), yard.VERSION)

    def take_both_flags(self):
        """They may come with different replies, and each of them once."""
        until(lambda: self.player.ask("ver") and len(self.player.flags) >= 2, "both flags come")
        self.player.flags.sort()
        self.assert_flags(self.player, "client", "map")
        self.assert_no_flags(self.player)

    def test_publish_while_it_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            other = yard.write(Path(folder) / "world")
            (other / "west.tmx").write_text(yard.tmx("west", with_wall(yard.WEST, 6, 9)))
            self.server.command("world", "publish", str(other))
            until(lambda: self.player.ask("get", "map:west", "tmx") == (other / "west.tmx").read_bytes(), "it is served")
            self.take_flag(self.player)
            (other / "west.tmx").write_text("<map>")
            self.assertIn("west.tmx", self.server.command("world", "publish", str(other), code=1))
        # The watched folder has not changed, and wins again with its next change.
        (self.world / "client" / "hello.py").write_text("print('again')\n")
        until(lambda: self.player.ask("get", "map:west", "tmx") == (self.world / "west.tmx").read_bytes(), "the folder is served")

    def test_nothing_new_is_no_version(self):
        before = self.server_version()
        (self.world / "west.tmx").write_text(yard.tmx("west", yard.WEST))
        self.assertIn("nothing has changed", self.server.command("world", "publish", str(self.world)))
        self.assertEqual(self.server_version(), before)
        self.assert_no_flags(self.player)

    def test_links_are_refused(self):
        """Nothing outside the folder gets into a world."""
        self.server.expect_log(r"link|world refused")
        secret = self.folder / "secret.txt"
        secret.write_text("secret")
        link = self.world / "client" / "link.txt"
        link.symlink_to(secret)
        until(lambda: "link.txt" in self.server.log_text(), "the refusal is in the log")
        self.assertNotIn("link.txt", [name for name, _ in self.player.ask("upgrade")])


class Check(unittest.TestCase):
    """`pymmorpg world check`, which needs no server."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.world = yard.write(Path(folder.name) / "world")

    def test_a_good_world(self):
        told = json.loads(run_command("world", "check", str(self.world), "--json"))
        maps = {one["name"]: one for one in told["maps"]}
        self.assertEqual((told["servable"], told["problems"], set(maps)), (True, [], {"west", "east", "cellar"}))
        self.assertEqual((maps["east"]["x"], maps["east"]["y"], maps["east"]["level"]), (24, 0, maps["west"]["level"]))
        self.assertEqual((maps["west"]["width"], maps["west"]["height"]), (24, 16))
        self.assertEqual(maps["west"]["blocked"], yard.WEST.count("#"))
        self.assertEqual((maps["west"]["regions"], maps["west"]["warps"], maps["west"]["npcs"]), (6, 1, 1))
        self.assertIn("west", run_command("world", "check", str(self.world)))

    def test_every_problem_is_named_with_its_place(self):
        (self.world / "west.tmx").write_text("<map>no map")
        (self.world / "world.toml").write_text("name = 'x'\nspeed = 'fast'\n")
        printed = run_command("world", "check", str(self.world), code=1)
        self.assertIn("west.tmx", printed)
        self.assertRegex(printed, r"world\.toml\D*2\b")

    def test_a_warp_that_leads_nowhere_is_a_warning(self):
        text = (self.world / "west.tmx").read_text().replace('value="cellar"', 'value="attic"')
        (self.world / "west.tmx").write_text(text)
        printed = run_command("world", "check", str(self.world))
        self.assertIn("attic", printed)

    def test_what_is_no_world(self):
        run_command("world", "check", str(self.world / "nowhere"), code=1)
        empty = self.world / "empty"
        empty.mkdir()
        run_command("world", "check", str(empty), code=1)

    def test_maps_alone_are_a_world(self):
        for file in ("world.toml", "yard.world"):
            (self.world / file).unlink()
        shutil.rmtree(self.world / "client")
        told = json.loads(run_command("world", "check", str(self.world), "--json"))
        levels = {one["level"] for one in told["maps"]}
        self.assertEqual((told["servable"], len(levels)), (True, 3))
        with tempfile.TemporaryDirectory() as data, Server(self.world, data) as server:
            server.expect_log(r"start")
            with server.play("Anna") as player:
                self.assertEqual(player.ask("ver"), "0")
                self.assertIn("visual", player.view()["Anna"])


class Starting(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.world = yard.write(self.folder / "world")

    def test_a_broken_world_is_not_served(self):
        (self.world / "west.tmx").write_text("<map>")
        printed = run_command(
            "up", "--world", str(self.world), "--data", str(self.folder / "data"), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", code=1
        )
        self.assertIn("west.tmx", printed)

    def test_what_was_published_is_served_without_its_folder(self):
        with Server(self.world, self.folder / "data") as server, server.play("Anna") as player:
            self.assertTrue(player.ask("move", (1, 0, 0)))
            tmx = player.ask("get", "map:west", "tmx")
        shutil.rmtree(self.world)
        with Server(None, self.folder / "data") as server, server.play("Anna") as player:
            self.assertEqual(player.position(), (5.0, 4.0, 0))
            self.assertEqual(player.ask("get", "map:west", "tmx"), tmx)
            self.assertEqual(player.ask("ver"), yard.VERSION)

    def test_two_on_one_data_folder(self):
        with Server(self.world, self.folder / "data"):
            run_command(
                "up",
                "--world",
                str(self.world),
                "--data",
                str(self.folder / "data"),
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
                code=1,
            )

    def test_it_says_how_it_is(self):
        with Server(self.world, self.folder / "data") as server:
            self.assertEqual(server.fetch("/healthz")[0], 200)
            self.assertEqual(server.fetch("/readyz")[0], 200)
            status, text = server.fetch("/metrics")
            self.assertEqual(status, 200)
            self.assertIn("# TYPE", text)
            self.assertEqual(server.fetch("/nothing")[0], 404)
