"""Flags: each change once for each connection, and none is lost to silence, a logout or a reconnect."""

from harness import yard
from harness.case import YardCase
from harness.raw import until


class MapFlag(YardCase):
    def setUp(self):
        self.master = self.game_master()
        # It may have left the test before without having heard of all that it did there.
        self.master.ask("ver")
        self.master.flags.clear()
        self.gid = 1

    def change_the_map(self):
        """Edits a tile that nobody walks on, so that it is another one than before."""
        self.gid = self.gid % 16 + 1
        self.assertIs(self.master.ask("edit", ["tile", ["west", "Ground", 1, 14, self.gid]]), True)

    def test_once_for_each_change(self):
        player, other = self.play("One"), self.play("Other")
        for _ in range(3):
            self.change_the_map()
            for connection in (player, other):
                self.take_flag(connection)
        for connection in (player, other):
            self.assert_no_flags(connection)

    def test_who_changes_it_is_told_too(self):
        self.change_the_map()
        self.take_flag(self.master)
        self.assert_no_flags(self.master)

    def test_several_changes_between_two_replies_make_one_flag(self):
        witness, silent = self.play("Witness"), self.play("Silent")
        for _ in range(5):
            self.change_the_map()
            self.take_flag(witness)
        # The witness has heard of the last change, so the gateway knows of all.
        self.assertEqual(silent.ask_all("ver"), [yard.VERSION, "map"])
        self.assert_flags(silent, "map")
        self.assert_no_flags(silent)

    def test_it_comes_behind_whatever_is_answered_next(self):
        witness = self.play("Witness")
        for request, result in ((["ver"], yard.VERSION), (["no such"], False), (["move", (0, 0, 0)], True), (["get", "Nobody", "x"], None)):
            player = self.play("Asker")
            self.change_the_map()
            self.take_flag(witness)
            self.assertEqual(player.ask_all(*request), [result, "map"])
        for request in (["update"], ["set", "", "x", 1], ["upgrade"], ["login", "", ""], ["get", "map:west", "tmx"]):
            player = self.play("Asker")
            self.change_the_map()
            self.take_flag(witness)
            self.assertEqual(player.ask_all(*request)[1:], ["map"], request)

    def test_one_reply_of_a_pipeline_has_it(self):
        player = self.play("Hasty")
        for _ in range(5):
            player.send_all([["ver"]] * 200)
            self.change_the_map()
            player.replies(200)
            until(lambda: player.flags or player.ask_all("ver")[1:], "the flag comes")
            self.assert_flags(player, "map")
        self.assert_no_flags(player)

    def test_before_the_login(self):
        """There counts what has changed since the connection began."""
        connection = self.connect()
        self.assertEqual(connection.ask_all("ver"), [yard.VERSION])
        self.change_the_map()
        self.take_flag(connection)
        self.assert_no_flags(connection)
        self.assert_no_flags(self.connect())

    def test_a_new_character_has_missed_nothing(self):
        self.change_the_map()
        self.take_flag(self.master)
        connection = self.connect()
        self.assertEqual(connection.ask_all("new", self.name("New"), "secret"), [True])
        self.assert_no_flags(connection)

    def test_who_was_away_is_told(self):
        player = self.play("Sailor")
        player.close()
        self.change_the_map()
        self.take_flag(self.master)
        again = self.connect()
        self.assertEqual([again.ask("login", player.name, player.password), again.ask("ver")], [True, yard.VERSION])
        self.assert_flags(again, "map")
        self.assert_no_flags(again)

    def test_who_was_told_is_not_told_again(self):
        """The version that a character was last told is kept with it, across connections."""
        player = self.play("Sailor")
        name = player.name
        self.change_the_map()
        self.take_flag(player)
        for _ in range(3):
            player.close()
            player = self.connect()
            self.assertEqual(player.ask_all("login", name, "secret"), [True])
            self.assert_no_flags(player, seconds=0.3)

    def test_a_takeover_is_told_what_the_older_connection_was_not(self):
        older = self.play("Twice")
        witness = self.play("Witness")
        self.change_the_map()
        self.take_flag(witness)
        newer = self.connect()
        self.assertEqual([newer.ask("login", older.name, older.password), newer.ask("ver")], [True, yard.VERSION])
        self.assert_flags(newer, "map")
        self.assert_no_flags(newer)

    def test_a_refused_edit_raises_none(self):
        player = self.play("Listener")
        for edit in (
            ["tile", ["west", "Ground", 99, 99, 1]],
            ["tile", ["nowhere", "Ground", 1, 1, 1]],
            ["reload", ["nowhere"]],
            ["reset", ["nowhere"]],
        ):
            self.assertIs(self.master.ask("edit", edit), False)
        self.assert_no_flags(player)

    def test_the_map_is_there_when_the_flag_is(self):
        """Who reads the map on its flag reads the new one."""
        player = self.play("Reader")
        for _ in range(5):
            before = player.ask("get", "map:west", "version")
            self.change_the_map()
            self.take_flag(player)
            self.assertGreater(player.ask("get", "map:west", "version"), before)
            self.assertIn(("Ground", 1, 14, self.gid), player.ask("get", "map:west", "edits"))


class AcrossRestarts(YardCase):
    def test_who_was_told_and_who_was_not(self):
        master, told, untold = self.game_master(), self.play("Told"), self.play("Untold")
        untold.close()
        self.assertIs(master.ask("edit", ["tile", ["west", "Ground", 1, 14, 3]]), True)
        self.take_flag(told)
        self.take_flag(master)
        self.server.stop()
        self.server.start()
        for name, flags in ((told.name, []), (master.name, []), (untold.name, ["map"])):
            again = self.connect()
            self.assertEqual([again.ask("login", name, "secret"), again.ask("ver")], [True, yard.VERSION])
            self.assert_flags(again, *flags)
            self.assert_no_flags(again, seconds=0.3)


class ClientFlag(YardCase):
    def publish(self, version):
        (self.world / "client" / "VERSION").write_text(version + "\n")

    def test_a_new_version(self):
        player, stranger = self.play("Player"), self.connect()
        for version in ("1.0.1", "2.0.0 beta"):
            self.publish(version)
            for connection in (player, stranger):
                self.take_flag(connection, "client")
                # The flag says that this gateway has the new image.
                self.assertEqual(connection.ask("ver"), version)
                self.assertIn(("VERSION", version.encode() + b"\n"), connection.ask("upgrade"))
                self.assert_no_flags(connection)
        self.assertEqual(self.connect().ask_all("ver"), ["2.0.0 beta"], "a new connection has missed nothing")

    def test_a_file_without_a_new_version_raises_none(self):
        player = self.play("Player")
        (self.world / "client" / "hello.py").write_text("print('good morning')\n")

        def is_there():
            reply = player.ask_all("upgrade")
            self.assertEqual(reply[1:], [])
            return ("hello.py", b"print('good morning')\n") in reply[0]

        until(is_there, "the new file is in the image")
        self.assert_no_flags(player)
