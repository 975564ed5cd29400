"""Attributes: who may write and read which, what they may be, and how much of it."""

from harness.case import YardCase


class Rules(YardCase):
    """The yard's rules: hp is for game masters, gold for whoever is near, say is text, diary is private, fate is nobody's."""

    def test_what_no_rule_names_is_its_owners(self):
        player, other = self.play("Owner"), self.play("Other")
        self.assertIs(player.ask("set", player.name, "note", {"a": [1, 2.5, None]}), True)
        self.assertIs(other.ask("set", player.name, "note", 1), False)
        self.assertIs(other.ask("set", player.name, "other", 1), False)
        self.assertEqual(other.ask("get", player.name, "note"), {"a": [1, 2.5, None]}, "others may read it")

    def test_near(self):
        player, other = self.play("Rich"), self.play("Poor")
        self.assertIs(player.ask("set", player.name, "gold", 10), True)
        self.assertIs(other.ask("set", player.name, "gold", (-4,)), True)
        other.walk(0, 3)
        self.assertIs(other.ask("set", player.name, "gold", (-1,)), True, "three tiles are near")
        other.walk(0, 0.5)
        self.assertIs(other.ask("set", player.name, "gold", (-1,)), False, "more are not")
        self.assertEqual(other.ask("get", player.name, "gold"), 5)
        other.walk(0, -0.5)
        self.assertIs(other.ask("set", player.name, "gold", 7), True)

    def test_near_is_on_the_same_level(self):
        master, player, other = self.game_master(), self.play("Rich"), self.play("Poor")
        level = player.ask("get", "map:cellar", "bounds")[2]
        for connection, place in ((player, (2.5, 2.5, 0)), (other, (2.5, 2.5, level))):
            self.assertIs(master.ask("edit", ["teleport", [connection.name, place]]), True)
        self.assertIs(other.ask("set", player.name, "gold", 1), False)
        self.assertIs(other.ask("set", other.name, "gold", 1), True)

    def test_for_game_masters(self):
        player, other = self.play("Patient"), self.play("Other")
        self.assertIs(player.ask("set", player.name, "hp", 50), False)
        self.assertIs(player.ask("set", player.name, "hp", (-1,)), False)
        self.assertIs(other.ask("set", player.name, "hp", 50), False)
        master = self.game_master()
        self.assertIs(master.ask("set", player.name, "hp", 50), True)
        self.assertIs(master.ask("set", player.name, "hp", (-8,)), True)
        self.assertEqual(player.ask("get", player.name, "hp"), 42)
        self.assertIs(master.ask("set", player.name, "hp", 101), False, "the rule's bounds hold for them too")
        self.assertIs(master.ask("set", player.name, "note", "by a game master"), True)
        self.assertEqual(player.ask("get", player.name, "note"), "by a game master")

    def test_for_nobody(self):
        player, master = self.play("Mortal"), self.game_master()
        for connection in (player, master):
            self.assertIs(connection.ask("set", player.name, "fate", "changed"), False)
            self.assertEqual(connection.ask("get", player.name, "fate"), "written")

    def test_private(self):
        player, other, master = self.play("Writer"), self.play("Reader"), self.game_master()
        self.assertIs(player.ask("set", player.name, "diary", "dear diary"), True)
        self.assertEqual(player.ask("get", player.name, "diary"), "dear diary")
        self.assertIs(other.ask("get", player.name, "diary"), None)
        self.assertEqual(master.ask("get", player.name, "diary"), "dear diary")
        self.assertIs(other.ask("set", player.name, "diary", "read!"), False)

    def test_never_set_this_way(self):
        player, master = self.play("Static"), self.game_master()
        for connection in (player, master):
            for attribute, value in (("pos", (1.5, 1.5, 0)), ("name", "Other"), ("role", "gm"), ("pos", (1,))):
                self.assertIs(connection.ask("set", player.name, attribute, value), False, attribute)
        self.assertEqual(player.position(), (4.0, 4.0, 0))
        self.assertEqual(player.ask("get", player.name, "name"), player.name)
        self.assertIs(player.ask("edit", ["teleport", [player.name, (1.5, 1.5, 0)]]), False, "setting a role makes no game master")

    def test_bounds_and_types(self):
        player = self.play("Bounded")
        self.assertIs(player.ask("set", player.name, "gold", 1000), True)
        for value in (-1, 1001, 2**70, 1.5, 5.0, float("nan"), True, "5", b"5", None, [5], {}, ("5",), (5, 6)):
            self.assertIs(player.ask("set", player.name, "gold", value), False, value)
            self.assertEqual(player.ask("get", player.name, "gold"), 1000)
        self.assertIs(player.ask("set", player.name, "gold", 0), True)

    def test_nobody_at_all(self):
        player, absent = self.play("Caller"), self.play("Absent")
        absent.ask("set", absent.name, "gold", 5)
        absent.close()
        self.until_unseen(player, absent.name)
        for name in ("Nobody at all", absent.name, "", "x" * 100, "map:west", "map:nowhere"):
            self.assertIs(player.ask("set", name, "gold", 1), False, name)
            self.assertIs(player.ask("get", name, "gold"), None, name)

    def test_case_does_not_matter_in_names_and_does_in_attributes(self):
        player = self.play("Case")
        self.assertIs(player.ask("set", player.name.upper(), "note", 1), True)
        self.assertEqual(player.ask("get", player.name.lower(), "note"), 1)
        self.assertIs(player.ask("get", player.name, "Note"), None)

    def test_far_away(self):
        """What `update` does not show is fetched from wherever the other is."""
        master, player, other = self.game_master(), self.play("Near"), self.play("Far")
        level = player.ask("get", "map:cellar", "bounds")[2]
        other.ask("set", other.name, "note", "from afar")
        for place in ((2.5, 2.5, level), (45.5, 13.5, 0)):
            self.assertIs(master.ask("edit", ["teleport", [other.name, place]]), True)
            self.assertEqual(player.ask("get", other.name, "note"), "from afar")
            self.assertEqual(player.ask("get", other.name, "pos"), place)
            self.assertEqual(player.ask("get", other.name, "hp"), 100)


class Relative(YardCase):
    def test_numbers_are_added(self):
        player = self.play("Counter")
        for value, after in (((5,), 5), ((-2,), 3), ((0.5,), 3.5), ((2**80,), 3.5 + 2**80)):
            self.assertIs(player.ask("set", player.name, "n", value), True)
            self.assertEqual(player.ask("get", player.name, "n"), after)

    def test_large_integers_stay_exact(self):
        player = self.play("Counter")
        self.assertIs(player.ask("set", player.name, "n", 2**100), True)
        for value, after in (((1,), 2**100 + 1), ((-(2**100),), 1), ((2**63,), 2**63 + 1), ((-(2**64),), 1 - 2**63)):
            self.assertIs(player.ask("set", player.name, "n", value), True)
            self.assertEqual(player.ask("get", player.name, "n"), after)

    def test_what_is_missing_begins_at_its_default_or_0(self):
        player = self.play("Beginner")
        self.assertIs(player.ask("get", player.name, "gold"), None)
        self.assertIs(player.ask("set", player.name, "gold", (7,)), True)
        self.assertEqual(player.ask("get", player.name, "gold"), 7)
        self.assertIs(player.ask("set", player.name, "other", (-1.5,)), True)
        self.assertEqual(player.ask("get", player.name, "other"), -1.5)

    def test_bounds_hold(self):
        player = self.play("Spender")
        for value, is_done, after in (((5,), True, 5), ((-6,), False, 5), ((996,), False, 5), ((995,), True, 1000), ((0.5,), False, 1000)):
            self.assertIs(player.ask("set", player.name, "gold", value), is_done, value)
            self.assertEqual(player.ask("get", player.name, "gold"), after)

    def test_a_tuple_of_one_is_nothing_else(self):
        player = self.play("Precise")
        player.ask("set", player.name, "n", 1)
        for value in ((True,), (None,), ("1",), (b"1",), ([1],), ((1,),)):
            self.assertIs(player.ask("set", player.name, "n", value), False, value)
        self.assertEqual(player.ask("get", player.name, "n"), 1)
        for value in ((), (1, 2), [1], [(1,)]):
            self.assertIs(player.ask("set", player.name, "n", value), True, "other tuples and lists are values: %r" % (value,))
            self.assertEqual(player.ask("get", player.name, "n"), value)

    def test_only_numbers_are_changed(self):
        player = self.play("Precise")
        for present in ("text", b"\xff", [1], None, True, {}, (1, 2)):
            self.assertIs(player.ask("set", player.name, "n", present), True)
            self.assertIs(player.ask("set", player.name, "n", (1,)), False, present)
            self.assertEqual(player.ask("get", player.name, "n"), present)


class Sizes(YardCase):
    def test_values(self):
        player = self.play("Large")
        self.assertIs(player.ask("set", player.name, "a", b"x" * 16000, protocol=4), True)
        self.assertIs(player.ask("set", player.name, "a", b"x" * (16 * 1024), protocol=4), False)
        self.assertIs(
            player.ask("set", player.name, "a", [list(range(100))] * 100, protocol=4), False, "shared data count as often as they are there"
        )
        self.assertEqual(player.ask("get", player.name, "a"), b"x" * 16000)

    def test_names_of_attributes(self):
        player = self.play("Wordy")
        for name, is_done in (("n" * 64, True), ("n" * 65, False), ("ä" * 32, True), ("ä" * 33, False)):
            self.assertIs(player.ask("set", player.name, name, 1), is_done, name)

    def test_how_many(self):
        player = self.play("Collector")
        results = player.pipeline(*[["set", player.name, "a%d" % n, n] for n in range(300)])
        self.assertEqual(results, sorted(results, reverse=True), "after the first that is refused, all are")
        self.assertEqual(sum(results), 256 - len(("visual", "hp", "fate")))
        self.assertIs(player.ask("set", player.name, "a0", "instead"), True)

    def test_all_of_one_entity_together(self):
        player = self.play("Hoarder")
        results = player.pipeline(*[["set", player.name, "a%d" % n, b"x" * 15000] for n in range(6)], protocol=4)
        self.assertEqual(results, [True] * 4 + [False] * 2)
        self.assertIs(player.ask("set", player.name, "a0", None), True)
        self.assertIs(player.ask("set", player.name, "a5", b"x" * 15000, protocol=4), True)

    def test_what_everybody_in_view_is_sent(self):
        player = self.play("Loud")
        self.assertIs(player.ask("set", player.name, "visual", "x" * 3000), True)
        self.assertIs(player.ask("set", player.name, "visual", "y" * 5000), False)
        self.assertIs(player.ask("set", player.name, "say", "z" * 2000), False)
        self.assertEqual(player.view()[player.name]["visual"], "x" * 3000)

    def test_integers(self):
        player = self.play("Counter")
        self.assertIs(player.ask("set", player.name, "n", 2**510), True)
        self.assertIs(player.ask("set", player.name, "m", 2**510), True)
        for _ in range(3):
            player.ask("set", player.name, "n", (2**510,))
        self.assertIs(player.ask("set", player.name, "n", (2**510,)), False, "wider than any integer may be")
        self.assertEqual(player.ask("get", player.name, "m"), 2**510)
