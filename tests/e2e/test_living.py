"""What lives in a world: who wanders, patrols, greets, hunts and dies, what is left of them, scripts, and walls that are built meanwhile.

Each map has a level of its own, and what is on it is one test's. Cells are 8 tiles, so that whoever goes anywhere crosses regions.
"""

import json
import math
import shutil
import tempfile
import threading
import unittest
from pathlib import Path

from harness import yard
from harness.case import YardCase
from harness.raw import until
from harness.restarts import RestartCase
from harness.server import Server

MEADOW = Path(__file__).resolve().parents[2] / "examples" / "meadow"
QUEST = MEADOW / "behaviours" / "quest.lua"

#: Rules for attributes, and who lives there.
RULES = """
[attributes]
hp = { type = "int", min = 0, max = 100, default = 100, write = { near = 3 }, visible = true }
say = { type = "str", visible = true, ttl = "2s" }
facing = { type = "str", visible = true }
taken = { type = "bool", write = { near = 3 } }
item = { type = "str", write = "gm", visible = true }
mushrooms = { type = "int", min = 0, max = 99, default = 0, write = "gm" }
offer = { type = "int", min = 1, max = 99, write = { near = 3 } }
swords = { type = "int", min = 0, default = 0, write = "gm" }

[templates.player]
visual = "gardener"
hp = 100

[templates.rat]
hp = 3
behaviour = "stand"
drops = ["mushroom"]

[templates.sheep]
hp = 3
speed = 6
behaviour = "wander leash=3"

[templates.mushroom]
behaviour = "stand"
item = "mushrooms"
"""

SETTINGS = 'view_distance = 24\ncell = 8\nspeed = 10000\nspeed_burst = 10000\nstart = { map = "lawn", x = 4, y = 4 }\n'


def open_ground(width, height, walls=()):
    """A drawing with a wall round it, and rectangles of walls: (west, north, east, south), each tile included."""
    inside = [(0, 0, width - 1, 0), (0, height - 1, width - 1, height - 1), (0, 0, 0, height - 1), (width - 1, 0, width - 1, height - 1), *walls]
    is_wall = lambda x, y: any(west <= x <= east and north <= y <= south for west, north, east, south in inside)
    return "\n".join("".join("#" if is_wall(x, y) else "." for x in range(width)) for y in range(height))


def path(number, name, points):
    """A polyline through the middles of tiles."""
    (west, north), text = points[0], " ".join("%d,%d" % (32 * (x - points[0][0]), 32 * (y - points[0][1])) for x, y in points)
    shape = '   <polyline points="%s"/>\n' % text
    return '  <object id="%d" name="%s" type="path" x="%d" y="%d">\n%s  </object>\n' % (number, name, west * 32 + 16, north * 32 + 16, shape)


def npc(number, name, x, y, **properties):
    return yard.map_object(number, name, "npc", x, y, dict(properties, visual=name.lower()))


def spawn(number, name, x, y, columns=1, rows=1, **properties):
    one_tile = yard.map_object(number, name, "spawn", x, y, properties)
    return one_tile.replace('width="32" height="32"', 'width="%d" height="%d"' % (32 * columns, 32 * rows))


#: The chaser's den has a house in the middle; the chaser is west of it.
DEN_HOUSE = (8, 3, 11, 8)
DEN_HOME = (4.5, 6.5)
DEN_LEASH = 14

MAPS = {
    "lawn": (open_ground(20, 12), []),
    "pen": (open_ground(20, 16), [npc(1, "Goose", 8, 8, behaviour="wander leash=3", speed=6)]),
    "road": (
        open_ground(24, 12),
        [path(1, "round", [(3, 3), (18, 3), (18, 8)]), npc(2, "Guard", 3, 3, behaviour="patrol path=round", speed=8)],
    ),
    "market": (open_ground(20, 12), [npc(1, "Trader", 10, 6, behaviour="merchant radius=3", line="Welcome, {name}!")]),
    "den": (
        open_ground(40, 16, [DEN_HOUSE]),
        [npc(1, "Wolf", 4, 6, behaviour="chase radius=12 leash=%d cooldown=300" % DEN_LEASH, speed=8, damage=7)],
    ),
    "gate": (open_ground(20, 12), [npc(1, "Sentry", 5, 5, behaviour="guard radius=1", hp=50, speed=6, damage=2)]),
    "cellar": (open_ground(12, 12), [spawn(1, "Rat", 5, 5, template="rat", max_beings=1, spawn=1000, death=500)]),
    "tomb": (open_ground(12, 12), [spawn(1, "Ghoul", 5, 5, template="rat", max_beings=2, spawn=3600000, death=0)]),
    "garden": (
        open_ground(20, 12),
        [npc(1, "Mara", 6, 6, behaviour="quest.lua", speed=2), spawn(2, "Mushroom", 14, 6, template="mushroom", max_beings=3, spawn=3600000)],
    ),
    "square": (open_ground(20, 12), [npc(1, "Herald", 8, 6, behaviour="herald.lua")]),
    "mill": (open_ground(20, 12), [npc(1, "Miller", 8, 6, behaviour="loop.lua"), npc(2, "Ox", 10, 8, behaviour="wander leash=3", speed=6)]),
    "field": (open_ground(24, 24), [npc(1, "Statue", 12, 12)]),
    "pasture": (open_ground(26, 26), [spawn(1, "Sheep", 4, 4, 17, 17, template="sheep", max_beings=9, spawn=3600000)]),
}

#: Says what it is told to, to everybody who comes near.
HERALD = """\
near_radius = 5
return function(me)
    while true do
        me:say("%s")
        me:sleep(10)
    end
end
"""

#: Loops for ever in its third line.
LOOP = """\
-- %d
return function(me)
    while true do end
end
"""


def write_world(world):
    """Instead of the yard."""
    for name in ("yard.world", "west.tmx", "east.tmx", "cellar.tmx"):
        (world / name).unlink()
    for name, (drawing, objects) in MAPS.items():
        (world / (name + ".tmx")).write_text(yard.tmx(name, drawing, objects))
    (world / "world.toml").write_text(SETTINGS + RULES)
    behaviours = world / "behaviours"
    behaviours.mkdir()
    (behaviours / "quest.lua").write_text(QUEST.read_text())
    (behaviours / "herald.lua").write_text(HERALD % "Old news!")
    (behaviours / "loop.lua").write_text(LOOP % 0)


def place(connection, of_map, x, y):
    """A place in a map's own tiles, as the world has it."""
    bounds = connection.ask("get", "map:" + of_map, "bounds")
    return (bounds[0] + x, bounds[1] + y, bounds[2])


def put(master, connection, of_map, x, y):
    """Somebody is put on a map."""
    to = place(connection, of_map, x, y)
    assert master.ask("edit", ["teleport", [connection.name, to]]) is True, to
    until(lambda: connection.position() == to, "%s is at %r" % (connection.name, to))


def of_title(view, title):
    """Those in a view who are called so, by name."""
    return {name: one for name, one in view.items() if one["name"].partition("#")[0] == title}


def distance(one, other):
    return math.dist(one[:2], other[:2])


class LivingCase(YardCase):
    @classmethod
    def prepare_world(cls, world):
        write_world(world)
        # The miller's script loops for ever.
        cls.expected_log = r"behaviours/loop\.lua:3"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.expect_log(cls.expected_log)

    def setUp(self):
        self.master = self.game_master()

    def visit(self, of_map, x, y, base="Visitor"):
        """A new character on a map."""
        player = self.play(base)
        put(self.master, player, of_map, x, y)
        return player


class Behaviours(LivingCase):
    """What the world's own behaviours do, as players see it."""

    def test_a_wanderer_moves_within_its_leash(self):
        player = self.visit("pen", 4.5, 4.5)
        home, seen = place(player, "pen", 8.5, 8.5), set()

        def look():
            seen.add(player.view()["Goose#pen"]["pos"])
            return len(seen) > 6

        until(look, "the goose goes here and there", 60)
        self.assertLessEqual(max(distance(pos, home) for pos in seen), 3.1)

    def test_who_patrols_comes_to_all_points_of_its_path(self):
        player = self.visit("road", 10.5, 8.5)
        points, visits = [place(player, "road", x + 0.5, y + 0.5) for x, y in ((3, 3), (18, 3), (18, 8))], []

        def look():
            at = player.view()["Guard#road"]["pos"]
            at = next((index for index, point in enumerate(points) if distance(point, at) < 0.01), None)
            if at is not None and visits[-1:] != [at]:
                visits.append(at)
            return len(visits) >= 5

        until(look, "the guard has gone its way and back", 60)
        self.assertIn(visits[:5], ([0, 1, 2, 1, 0], [1, 2, 1, 0, 1], [2, 1, 0, 1, 2], [1, 0, 1, 2, 1]))

    def test_a_merchant_greets_each_who_comes_once(self):
        first, second = self.visit("market", 16.5, 6.5), self.visit("market", 3.5, 6.5)
        heard = []

        def listen():
            said = first.view()["Trader#market"].get("say")
            if said is not None and heard[-1:] != [said]:
                heard.append(said)
            elif said is None and heard[-1:] not in ([], [None]):
                heard.append(None)
            return [said for said in heard if said]

        first.walk_to(*place(first, "market", 12.5, 6.5)[:2])
        until(lambda: listen() == ["Welcome, %s!" % first.name], "the first is greeted")
        self.until_seen(first, "Trader#market", lambda seen: seen.get("facing") == "east")
        until(lambda: listen() and heard[-1] is None, "what is said is over")
        second.walk_to(*place(second, "market", 8.5, 6.5)[:2])
        until(lambda: len(listen()) > 1, "the second is greeted")
        until(lambda: listen() and heard[-1] is None, "what is said is over")
        self.assertEqual([said for said in heard if said], ["Welcome, %s!" % one.name for one in (first, second)])

    def test_a_chaser_comes_round_the_house_and_hits_and_gives_up(self):
        player, watcher = self.visit("lawn", 4.5, 4.5), self.visit("den", 26.5, 14.5, "Watcher")
        home = place(watcher, "den", *DEN_HOME)
        self.until_seen(watcher, "Wolf#den", lambda seen: seen["pos"] == home)
        # The house is between them.
        put(self.master, player, "den", 14.5, 6.5)
        seen = []

        def look():
            view = watcher.view()
            seen.append(view["Wolf#den"]["pos"])
            return view[player.name]["hp"] < 100

        until(look, "the wolf hits")
        until(lambda: player.ask("get", player.name, "hp") <= 86, "the wolf hits again")
        west, north, east, south = DEN_HOUSE
        corners = place(watcher, "den", west, north), place(watcher, "den", east + 1, south + 1)
        for x, y, _ in seen:
            self.assertFalse(corners[0][0] < x < corners[1][0] and corners[0][1] < y < corners[1][1], "the wolf is in the house: %r" % ((x, y),))
        self.assertGreater(len(seen), 3)
        # Whoever goes on is followed as far as the leash.
        player.walk_to(*place(player, "den", 26.5, 6.5)[:2])
        until(lambda: look() and watcher.view()["Wolf#den"]["pos"] == home, "the wolf is at home again")
        self.assertLessEqual(max(distance(pos, home) for pos in seen), DEN_LEASH + 1)
        # What it has done is done.
        left = player.ask("get", player.name, "hp")
        self.assertLess(left, 100)
        player.close()
        again = self.login(player.name)
        self.assertEqual(again.ask("get", player.name, "hp"), left)

    def test_a_guard_goes_for_who_has_hit_it(self):
        """From where it would have noticed nobody, and whatever letters the name is written in."""
        player, sentry = self.visit("gate", 8.5, 5.5, "Rude Visitor"), "Sentry#gate"
        post = self.until_seen(player, sentry)["pos"]
        self.assertIs(player.ask("set", sentry, "hp", (-1,)), True)
        self.until_seen(player, sentry, lambda seen: seen["pos"] != post)
        until(lambda: player.ask("get", player.name, "hp") < 100, "it hits back")

    def test_who_has_no_hp_left_dies_and_drops_what_one_picks_up_and_is_back_in_time(self):
        players = [self.visit("cellar", x, 6.5) for x in (4.5, 6.5)]
        (rat,) = until(lambda: of_title(players[0].view(), "Rat"), "the rat is there")
        place_of_death = players[0].view()[rat]["pos"]
        self.assertIs(players[0].ask("set", rat, "hp", (-2,)), True)
        self.until_seen(players[1], rat, lambda seen: seen["hp"] == 1)
        self.assertIs(players[1].ask("set", rat, "hp", (-1,)), True)
        for player in players:
            self.until_unseen(player, rat)
        (loot,) = until(lambda: of_title(players[0].view(), "mushroom"), "it drops a mushroom")
        self.assertEqual(players[0].view()[loot]["pos"], place_of_death)
        for player in players:
            player.send_all([["set", loot, "taken", True]])
        answers = [player.reply()[0] for player in players]
        self.assertEqual(sorted(answers), [False, True])
        taker = players[answers.index(True)]
        until(lambda: taker.ask("get", taker.name, "mushrooms") == 1, "who has taken it has it")
        for player in players:
            self.until_unseen(player, loot)
        self.until_seen(taker, rat, lambda seen: seen["hp"] == 3)
        self.assertEqual(len(of_title(taker.view(), "Rat")), 1)
        self.assertEqual([player.ask("get", player.name, "mushrooms") for player in players].count(1), 1)
        self.assertEqual([player.ask("get", player.name, "mushrooms") or 0 for player in players].count(0), 1)

    def test_a_reset_brings_back_who_has_died(self):
        player = self.visit("tomb", 4.5, 6.5)
        ghouls = until(lambda: len(of_title(player.view(), "Ghoul")) == 2 and of_title(player.view(), "Ghoul"), "two are there")
        dead = sorted(ghouls)[0]
        self.assertIs(player.ask("set", dead, "hp", 0), True)
        self.until_unseen(player, dead)
        self.assertIs(self.master.ask("edit", ["reset", ["tomb"]]), True)
        self.until_seen(player, dead, lambda seen: seen["hp"] == 3)
        self.assertEqual(set(of_title(player.view(), "Ghoul")), set(ghouls))


class Scripts(LivingCase):
    """Behaviours in Lua, and what becomes of them while they are edited."""

    def save(self, name, text):
        (self.world / "behaviours" / name).write_text(text)

    def test_three_mushrooms_are_a_sword(self):
        player = self.visit("garden", 12.5, 6.5)
        mushrooms = until(lambda: len(of_title(player.view(), "Mushroom")) == 3 and of_title(player.view(), "Mushroom"), "mushrooms grow")
        for name in mushrooms:
            self.assertIs(player.ask("set", name, "taken", True), True)
        until(lambda: player.ask("get", player.name, "mushrooms") == 3, "all three are picked")
        mara = "Mara#garden"
        player.walk_to(*place(player, "garden", 7.5, 6.5)[:2])
        self.until_seen(player, mara, lambda seen: "Bring me 3 mushrooms, %s" % player.name in seen.get("say", ""))
        for left in (2, 1, 0):
            until(lambda: distance(player.view()[mara]["pos"], player.position()) < 2.9, "she is near", 60)
            self.assertIs(player.ask("set", mara, "offer", 1), True)
            until(lambda: player.ask("get", player.name, "mushrooms") == left, "she takes it")
        until(lambda: player.ask("get", player.name, "swords") == 1, "she gives a sword")
        self.until_seen(player, mara, lambda seen: seen.get("say") == "Here is your sword, %s!" % player.name)
        for name, value in (("swords", (1,)), ("mushrooms", 3)):
            self.assertIs(player.ask("set", player.name, name, value), False, "nobody else gives them")
        until(lambda: distance(player.view()[mara]["pos"], player.position()) < 2.9, "she is near", 60)
        self.assertIs(player.ask("set", mara, "offer", 3), True)
        self.until_seen(player, mara, lambda seen: seen.get("say") == "You have not got so many, %s." % player.name)
        self.assertEqual(player.ask("get", player.name, "swords"), 1)

    def test_a_script_is_edited_while_it_runs(self):
        player, herald = self.visit("square", 6.5, 6.5), "Herald#square"
        self.until_seen(player, herald, lambda seen: seen.get("say") == "Old news!")
        player.flags.clear()
        self.save("herald.lua", HERALD % "New news!")
        self.until_seen(player, herald, lambda seen: seen.get("say") == "New news!")
        # What cannot be compiled is named, and the last one that could stays.
        self.server.expect_log(r"behaviours/herald\.lua|world refused")
        self.save("herald.lua", "return function(me)\n    me:say('Bad news!'\nend\n")
        until(lambda: "refused" in self.server.log_text(), "it is refused")
        reason = next(line for line in self.server.log_text().splitlines() if '"file":"behaviours/herald.lua"' in line)
        self.assertRegex(reason, r'"line":[23]\b')
        until(lambda: "say" in player.view()[herald], "it speaks")
        self.assertEqual(player.view()[herald]["say"], "New news!")
        self.save("herald.lua", HERALD % "Last news!")
        self.until_seen(player, herald, lambda seen: seen.get("say") == "Last news!")
        self.assert_no_flags(player)

    def test_a_script_is_published_by_hand_and_rolled_back(self):
        player, herald = self.visit("square", 6.5, 6.5), "Herald#square"
        said = self.until_seen(player, herald, lambda seen: "say" in seen)["say"]
        versions = json.loads(self.server.command("world", "versions", "--json"))
        before = next(version["version"] for version in versions if version["current"])
        other = self.folder / "by hand"
        shutil.copytree(self.world, other)
        (other / "behaviours" / "herald.lua").write_text(HERALD % "By hand!")
        self.server.command("world", "publish", str(other))
        self.until_seen(player, herald, lambda seen: seen.get("say") == "By hand!")
        (other / "behaviours" / "herald.lua").write_text("return 1 +\n")
        self.assertIn("behaviours/herald.lua", self.server.command("world", "publish", str(other), code=1))
        self.server.command("world", "rollback", str(before))
        self.until_seen(player, herald, lambda seen: seen.get("say") == said)

    def test_a_script_that_loops_for_ever_is_not_noticed(self):
        beside, away = self.visit("mill", 9.5, 6.5), self.visit("lawn", 9.5, 6.5)
        until(lambda: "behaviours/loop.lua:3" in self.server.log_text(), "file and line are in the log")
        counts, is_over = {beside: 0, away: 0}, threading.Event()

        def dance(player):
            step = 1
            while not is_over.is_set():
                assert player.ask("move", (step, 0, 0)) is True
                step, counts[player] = -step, counts[player] + 1

        dancers = [threading.Thread(target=dance, args=(player,)) for player in counts]
        for dancer in dancers:
            dancer.start()
        try:
            # Each version of it begins anew, and loops.
            for number in range(1, 4):
                published = self.server.log_text().count("content is served")
                self.save("loop.lua", LOOP % number)
                until(lambda: self.server.log_text().count("content is served") > published, "it is published")
        finally:
            is_over.set()
            for dancer in dancers:
                dancer.join()
        self.assertGreater(counts[beside] * 2, counts[away], "who is beside it takes as many steps as who is not")
        self.assertIn("Miller#mill", beside.view(), "it stands there still")
        before = beside.view()["Ox#mill"]["pos"]
        self.until_seen(beside, "Ox#mill", lambda seen: seen["pos"] != before, 60)


class Walls(LivingCase):
    """A wall that a game master builds."""

    def block(self, x, y, gid=yard.WALL_GID):
        self.assertIs(self.master.ask("edit", ["tile", ["field", "Collision", x, y, gid]]), True)

    def test_in_front_of_somebody(self):
        walker = self.visit("field", 5.5, 8.5)
        self.assertIs(walker.ask("move", (1, 0, 0)), True)
        self.block(7, 8)
        self.assertIs(walker.ask("move", (1, 0, 0)), False)
        self.block(7, 8, 0)
        until(lambda: walker.ask("move", (1, 0, 0)), "the way is free again")

    def test_where_somebody_stands(self):
        walker = self.visit("field", 10.5, 10.5)
        statue = walker.view()["Statue#field"]["pos"]
        for x, y in ((10, 10), (12, 12)):
            self.block(x, y)
        until(lambda: walker.position()[:2] != place(walker, "field", 10.5, 10.5)[:2], "who walks is moved")
        self.until_seen(walker, "Statue#field", lambda seen: 0 < distance(seen["pos"], statue) <= 1.5)

    def test_in_the_way_of_who_hunts(self):
        """The monster goes round it, and is never seen in it."""
        name = self.name("Hound")
        start = place(self.master, "field", 3.5, 18.5)
        self.assertIs(self.master.ask("edit", ["spawn", [name, start, {"speed": 4, "damage": 1}, "chase radius=16 leash=20"]]), True)
        watcher = self.visit("field", 14.5, 18.5)
        self.until_seen(watcher, name, lambda seen: seen["pos"] != start)
        for y in range(15, 23):
            self.block(10, y)
        seen = []

        def look():
            seen.append(watcher.view()[name]["pos"])
            return watcher.ask("get", watcher.name, "hp") < 100

        until(look, "it comes, and bites", 60)
        x, y, _ = place(watcher, "field", 10, 15)
        walls = [pos for pos in seen[1:] if x < pos[0] < x + 1 and y < pos[1] < y + 8]
        self.assertEqual(walls, [])
        self.assertIs(self.master.ask("edit", ["despawn", [name]]), True)


class Meadow(unittest.TestCase):
    """What somebody meets who walks in the example world."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="meadow-")
        self.addCleanup(folder.cleanup)
        self.world = shutil.copytree(MEADOW, Path(folder.name) / "world")
        self.server = Server(self.world, Path(folder.name) / "data").start()
        self.addCleanup(self.server.kill)
        self.player = self.server.play("Anna")
        self.addCleanup(self.player.close)
        self.server.grant("Anna")
        until(lambda: self.go(*self.player.position()[:2]), "the grant is noticed")

    def tearDown(self):
        self.server.stop()
        self.server.check_log()

    def go(self, x, y):
        return self.player.ask("edit", ["teleport", ["Anna", (x, y, 0)]])

    def see(self, title, what=lambda seen: True):
        """Waits until somebody called so is seen of whom something holds."""

        def look():
            return next((one for one in of_title(self.player.view(), title).values() if what(one)), None)

        return until(look, "%s is seen" % title, 60)

    def test_a_walk(self):
        # Villagers who walk and speak.
        self.go(36.5, 23.5)
        before = self.see("Wendel")["pos"]
        self.see("Wendel", lambda seen: seen["pos"] != before)
        self.see("Pia", lambda seen: seen.get("say") == "Apples, bread, rope! What may it be, Anna?")
        # A wolf that comes round the mill, and what it leaves.
        self.go(56.5, 19.5)
        until(lambda: self.player.view()["Anna"]["hp"] < 100, "the wolf has come and hits", 60)
        self.assertIs(self.player.ask("set", self.see("Wolf")["name"], "hp", 0), True)
        coins = self.see("coins")
        self.assertEqual(self.player.ask("get", "Anna", "gold"), 10)
        self.assertIs(self.player.ask("set", coins["name"], "taken", True), True)
        until(lambda: self.player.ask("get", "Anna", "gold") == 13, "the coins are picked up")
        # A quest, which is edited meanwhile.
        self.go(20.5, 55.5)
        for count in range(3):
            mushroom = self.see("Mushroom")
            self.go(*mushroom["pos"][:2])
            self.assertIs(self.player.ask("set", mushroom["name"], "taken", True), True)
            until(lambda: self.player.ask("get", "Anna", "mushrooms") == count + 1, "it is picked")
            until(lambda: mushroom["name"] not in self.player.view(), "and gone")
        script = self.world / "behaviours" / "quest.lua"
        script.write_text(script.read_text().replace("WANTED = 3", "WANTED = 2"))
        self.go(*self.see("Mara")["pos"][:2])
        self.see("Mara", lambda seen: seen.get("say") == "Bring me 2 mushrooms, Anna, and I give you a sword.")
        for count in (2, 1):
            self.go(*self.see("Mara")["pos"][:2])
            self.assertIs(self.player.ask("set", "Mara#meadow", "offer", 1), True)
            until(lambda: self.player.ask("get", "Anna", "mushrooms") == count, "she takes it")
        until(lambda: self.player.ask("get", "Anna", "swords") == 1, "she gives a sword")
        # And a wall.
        self.go(33.5, 66.5)
        self.assertIs(self.player.ask("move", (1, 0, 0)), True)
        self.assertIs(self.player.ask("edit", ["tile", ["meadow", "Collision", 35, 18, 417]]), True)
        self.assertIs(self.player.ask("move", (1, 0, 0)), False)


class Restarts(RestartCase):
    """Who is there after a server has died."""

    def setUp(self):
        super().setUp()
        self.server.stop()
        write_world(self.server.world)
        self.server.expect_log(r"behaviours/loop\.lua:3")
        self.server.start()
        self.master = self.game_master()

    def back(self, of_map, x, y):
        """The game master, after the server was started again, on a map."""
        self.master = self.game_master()
        put(self.master, self.master, of_map, x, y)

    def assert_flock(self, count):
        """So many are there, and stay so many."""
        until(lambda: len(of_title(self.master.view(), "Sheep")) == count, "there are %d sheep" % count)
        before = self.master.view()
        until(lambda: any(one["pos"] != before[name]["pos"] for name, one in of_title(self.master.view(), "Sheep").items()), "they wander", 60)
        self.assertEqual(len(of_title(self.master.view(), "Sheep")), count)

    def test_spawns_are_counted_after_a_crash(self):
        put(self.master, self.master, "pasture", 12.5, 12.5)
        self.assert_flock(9)
        dead = sorted(of_title(self.master.view(), "Sheep"))[4]
        self.assertIs(self.master.ask("set", dead, "hp", 0), True)
        self.assert_flock(8)
        self.crash()
        self.back("pasture", 12.5, 12.5)
        self.assert_flock(9)
        self.restart()
        self.back("pasture", 12.5, 12.5)
        self.assert_flock(9)

    def test_who_was_spawned_with_a_behaviour_goes_on_after_a_crash(self):
        put(self.master, self.master, "lawn", 8.5, 6.5)
        home = place(self.master, "lawn", 8.0, 8.0)
        self.assertIs(self.master.ask("edit", ["spawn", ["Rover", home, {"speed": 6, "visual": "dog"}, "wander leash=3"]]), True)
        seen = []

        def moves():
            before = len(set(seen))
            until(lambda: seen.append(self.master.view()["Rover"]["pos"]) or len(set(seen)) > before + 3, "it moves", 60)

        for _ in range(2):
            moves()
            self.crash()
            self.back("lawn", 8.5, 6.5)
            moves()
        self.assertLessEqual(max(distance(pos, home) for pos in seen), 3.1, "it keeps to the leash that it was put on")

    def test_a_hit_lasts(self):
        victim = self.play("Victim")
        put(self.master, victim, "den", 8.5, 12.5)
        until(lambda: victim.ask("get", "Victim", "hp") < 100, "the wolf hits", 60)
        put(self.master, victim, "lawn", 4.5, 4.5)
        left = victim.ask("get", "Victim", "hp")
        self.crash()
        self.assertEqual(self.play("Victim").ask("get", "Victim", "hp"), left)
