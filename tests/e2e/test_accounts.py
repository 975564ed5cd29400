"""Accounts: how one comes into the game, and who is let in as whom."""

import statistics
import time

from harness.case import YardCase
from harness.raw import Closed, frame, until
from harness.yard import START, VERSION


class Accounts(YardCase):
    def test_new_is_logged_in_and_stands_at_the_start(self):
        player = self.play("Anna")
        self.assertEqual(player.position(), (*map(float, START), 0))
        self.assertEqual(player.ask("get", player.name, "hp"), 100)
        self.assertEqual(player.ask("get", player.name, "visual"), "gardener")

    def test_login_finds_the_character_as_it_was(self):
        player = self.play("Anna")
        self.assertTrue(player.ask("set", player.name, "note", ["kept", 1]))
        self.assertTrue(player.ask("move", (1, 1, 0)))
        player.close()
        again = self.connect()
        self.assertIs(again.ask("login", player.name, player.password), True)
        self.assertEqual(again.ask("get", player.name, "pos"), (5.0, 5.0, 0))
        self.assertEqual(again.ask("get", player.name, "note"), ["kept", 1])

    def test_names_are_unique_whatever_their_case(self):
        for name, likewise in (("Alice", "aLICE"), ("Zoë Ä", "ZOË ä")):
            player = self.play(name)
            name, likewise = player.name, player.name.replace(name, likewise)
            other = self.connect()
            self.assertIs(other.ask("new", likewise, "other"), False)
            self.assertIs(other.ask("new", name, "other"), False)
            self.assertIs(other.ask("login", likewise, player.password), True)
            self.assertEqual(other.ask("get", likewise, "name"), name, "the name is shown as it was made")

    def test_names_follow_the_rules(self):
        connection = self.connect()
        bad = [
            "",
            " ",
            " a",
            "a ",
            "a  b",
            "a/b",
            "a.b",
            "map:west",
            "Slime#1",
            "a\nb",
            "a\0b",
            "a\u200bb",
            "x" * 33,
            "ä" * 33,
            "\U0001f600",
            "Gardener#west",
        ]
        for name in bad:
            self.assertIs(connection.ask("new", name, "secret"), False, name)
            self.assertIs(connection.ask("login", name, "secret"), False, name)
        self.assertEqual(connection.ask_all("update"), [False])
        for name in ("q", "a_b-c d", "Żółć", "名前", "ä" * 32, "7"):
            self.assertIs(connection.ask("new", name, "secret"), True, name)
            self.assertEqual(connection.ask("get", name, "name"), name)

    def test_passwords_are_1_to_256_bytes(self):
        connection = self.connect()
        for password in ("", b"", "x" * 257, "ä" * 129, b"\0" * 257):
            self.assertIs(connection.ask("new", self.name("Short"), password, protocol=4), False, password)
        for password in ("x", "x" * 256, "ä" * 128, b"\0\xff", " spaces ", "pass\0word"):
            name = self.name("Long")
            self.assertIs(connection.ask("new", name, password, protocol=4), True, password)
            self.assertIs(connection.ask("login", name, password, protocol=4), True, password)

    def test_the_whole_password_counts(self):
        player = self.play("Careful", password="secret" * 20)
        other = self.connect()
        for wrong in ("secret" * 20 + "x", "secret" * 19, ("secret" * 20).upper(), "", "secret" * 50):
            self.assertIs(other.ask("login", player.name, wrong), False)
        self.assertIs(other.ask("login", player.name, player.password), True)

    def test_nothing_of_the_game_before_the_login(self):
        player = self.play("Known")
        connection = self.connect()
        for request in (["update"], ["move", (1, 0, 0)], ["get", player.name, "pos"], ["get", "map:west", "version"], ["set", player.name, "x", 1]):
            self.assertEqual(connection.ask_all(*request), [False])
        self.assertEqual(connection.ask_all("edit", ["kick", [player.name]]), [False])
        self.assertEqual(connection.ask("ver"), VERSION)

    def test_a_failed_login_changes_nothing(self):
        player = self.play("Stays")
        other = self.play("Other")
        for request in (["login", other.name, "wrong"], ["login", "Nobody at all", "x"], ["new", other.name, "x"], ["new", "", "x"]):
            self.assertIs(player.ask(*request), False)
            self.assertIs(player.ask("set", player.name, "n", 1), True)
        self.assertIs(other.ask("set", other.name, "n", 1), True)

    def test_a_failed_login_does_not_tell_whether_the_name_exists(self):
        """By its time: without a hash for unknown names, those would be answered fifty times faster."""
        player = self.play("Exists")
        connection = self.connect()

        def seconds(name):
            begin = time.monotonic()
            self.assertEqual(connection.ask_all("login", name, "wrong"), [False])
            return time.monotonic() - begin

        known, unknown = zip(*[(seconds(player.name), seconds(self.name("Nobody"))) for _ in range(7)])
        ratio = statistics.median(unknown) / statistics.median(known)
        self.assertTrue(1 / 4 < ratio < 4, "unknown names are answered in %.2f times the time" % ratio)

    def test_switching_the_character(self):
        watcher = self.play("Watcher")
        one = self.play("One")
        other = self.name("Two")
        self.until_seen(watcher, one.name)
        self.assertIs(one.ask("new", other, "secret"), True)
        self.until_seen(watcher, other)
        self.until_unseen(watcher, one.name)
        self.assertIs(one.ask("set", one.name, "n", 1), False, "it speaks for the first no more")
        self.assertIs(one.ask("login", one.name, "secret"), True)
        self.assertIs(one.ask("set", one.name, "n", 1), True)
        self.until_seen(watcher, one.name)
        self.until_unseen(watcher, other)

    def test_login_as_oneself_again(self):
        player = self.play("Again")
        self.assertTrue(player.ask("move", (1, 0, 0)))
        for _ in range(3):
            self.assertIs(player.ask("login", player.name, player.password), True)
            self.assertEqual(player.position(), (5.0, 4.0, 0))

    def test_a_second_login_takes_over(self):
        watcher = self.play("Watcher")
        older = self.play("Wanted")
        self.assertTrue(older.ask("move", (2, 0, 0)))
        newer = self.login(older.name)
        self.assertTrue(older.is_closed(within=10), "the older connection stays open")
        self.assertEqual(newer.position(), (6.0, 4.0, 0))
        self.assertTrue(newer.ask("move", (0, 1, 0)))
        self.until_seen(watcher, newer.name, lambda seen: seen["pos"] == (6.0, 5.0, 0))

    def test_the_older_connection_is_closed_after_its_last_reply(self):
        """Everything that was read is answered, in order, or not at all; and what was answered has happened."""
        for _ in range(5):
            older = self.play("Wanted")
            older.send_all([["set", older.name, "n", n] for n in range(1, 200)])
            newer = self.connect()
            self.assertIs(newer.ask("login", older.name, older.password), True)
            replies = []
            try:
                while True:
                    replies.append(older.reply()[0])
            except Closed:
                pass
            self.assertEqual(replies, [True] * len(replies))
            self.assertGreaterEqual(newer.ask("get", older.name, "n") or 0, len(replies))
            self.assertIs(newer.ask("set", older.name, "n", 0), True)

    def test_takeovers_in_a_row(self):
        player = self.play("Popular")
        connections = [player]
        for _ in range(5):
            connections.append(self.login(player.name))
        for older in connections[:-1]:
            self.assertTrue(older.is_closed(within=10))
        self.assertIs(connections[-1].ask("move", (1, 0, 0)), True)

    def test_two_who_make_the_same_name_at_once(self):
        for _ in range(5):
            name = self.name("Twin")
            connections = [self.connect() for _ in range(4)]
            for number, connection in enumerate(connections):
                connection.send(frame(["new", name, "secret %d" % number]))
            self.assertEqual(sorted(connection.reply()[0] for connection in connections), [False, False, False, True])

    def test_who_has_left_can_come_again_at_once(self):
        player = self.play("Regular")
        for n in range(10):
            self.assertIs(player.ask("set", player.name, "visit", n), True)
            player.close()
            player = self.login(player.name)
            self.assertEqual(player.ask("get", player.name, "visit"), n)


class Command(YardCase):
    """`pymmorpg account`, while the server runs."""

    def test_list_shows_names_and_roles(self):
        player = self.play("Listed")
        self.assertRegex(self.server.command("account", "list"), r"%s\b" % player.name)
        self.server.grant(player.name)
        self.assertRegex(self.server.command("account", "list"), r"%s\b.*\bgm\b" % player.name)

    def test_grant_and_revoke_are_noticed(self):
        player = self.play("Elected")
        teleport = ["edit", ["teleport", [player.name, player.position()]]]
        self.assertIs(player.ask(*teleport), False)
        self.server.grant(player.name)
        until(lambda: player.ask(*teleport), "the grant is noticed", deadline=5)
        self.server.command("account", "revoke", player.name)
        until(lambda: not player.ask(*teleport), "the revocation is noticed", deadline=5)

    def test_nobody_cannot_be_granted(self):
        self.server.command("account", "grant", "Nobody at all", "gm", code=1)

    def test_a_new_password(self):
        player = self.play("Forgetful")
        self.server.command("account", "password", player.name, given="different\n")
        other = self.connect()
        self.assertIs(other.ask("login", player.name, "secret"), False)
        self.assertIs(other.ask("login", player.name, "different"), True)
