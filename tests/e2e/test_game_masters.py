"""Who is no game master can edit nothing; what one does is in the audit log."""

import sqlite3

from harness import yard
from harness.case import YardCase


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
