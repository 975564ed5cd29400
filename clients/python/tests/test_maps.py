"""Maps: every encoding reads alike, walls are where the server has them, and what is no map is refused."""

import base64
import gzip
import struct
import unittest
import zlib

import support
from pymmorpg import maps

GIDS = [0, 1, 2, 17, 18, 0x80000012]  # the last is 18, turned
PLAIN = [0, 1, 2, 17, 18, 18]
RAW = struct.pack("<6I", *GIDS)


def tmx(data, name="Collision", attributes="", properties="", objects=""):
    return (
        '<map width="3" height="2" tilewidth="16" tileheight="16"><tileset firstgid="1" name="ground"/>'
        '<tileset firstgid="17" source="../tilesets/walls.tsx"/><layer name="%s" width="3" height="2"%s>%s%s</layer>%s</map>'
        % (name, attributes, properties, data, objects)
    ).encode()


def encoded(text, attributes):
    return "<data %s>%s</data>" % (attributes, text)


def base(data):
    return base64.b64encode(data).decode()


CSV = encoded(",\n".join(",".join(map(str, GIDS[row : row + 3])) for row in (0, 3)), 'encoding="csv"')
ENCODINGS = [
    CSV,
    encoded("\n   " + base(RAW) + "\n  ", 'encoding="base64"'),
    encoded(base(zlib.compress(RAW)), 'encoding="base64" compression="zlib"'),
    encoded(base(gzip.compress(RAW)), 'encoding="base64" compression="gzip"'),
    "<data>%s</data>" % "".join('<tile gid="%d"/>' % gid if gid else "<tile/>" for gid in GIDS),
    encoded(
        '<chunk x="0" y="0" width="2" height="2">0,1,17,18</chunk><chunk x="2" y="0" width="1" height="2">2,2147483666</chunk>',
        'encoding="csv"',
    ),
]


class Reading(unittest.TestCase):
    def test_every_encoding(self):
        for data in ENCODINGS:
            with self.subTest(data):
                (layer,) = maps.Map(tmx(data)).layers
                self.assertEqual([layer.gid(x, y) for y in range(2) for x in range(3)], PLAIN)
                self.assertEqual([layer.gid(x, y) for x, y in ((-1, 0), (3, 0), (0, -1), (0, 2))], [0] * 4)

    def test_the_first_tile_of_a_tileset_does_not_block(self):
        ground = maps.Map(tmx(CSV))
        blocked = [ground.is_blocked(x, y) for y in range(2) for x in range(3)]
        self.assertEqual(blocked, [False, False, True, False, True, True])

    def test_other_layers_block_by_their_property(self):
        self.assertFalse(maps.Map(tmx(CSV, "Ground")).is_blocked(1, 1))
        for value, is_blocked in (("true", True), ("false", False)):
            properties = '<properties><property name="blocked" type="bool" value="%s"/></properties>' % value
            ground = maps.Map(tmx(CSV, "Ground", "", properties))
            self.assertEqual([ground.is_blocked(x, 0) for x in range(3)], [False, is_blocked, is_blocked])
            inner = tmx(CSV, "Ground").replace(b"<layer", b"<group>%s<layer" % properties.encode()).replace(b"</layer>", b"</layer></group>")
            self.assertEqual(maps.Map(inner).is_blocked(1, 0), is_blocked)

    def test_tilesets(self):
        ground = maps.Map(tmx(CSV))
        names = [ground.tileset(gid) and ground.tileset(gid).name for gid in (0, 1, 16, 17, 999)]
        self.assertEqual(names, [None, "ground", "ground", "walls", "walls"])

    def test_what_is_on_top(self):
        def top(name, attributes=""):
            found = maps.Map(tmx(CSV, name, attributes)).top(1, 1)
            return found and (found[0].name, found[1].name)

        self.assertEqual(top("Ground"), ("Ground", "walls"))
        self.assertIsNone(top("Collision"))
        self.assertIsNone(top("Ground", ' visible="0"'))

    def test_warps(self):
        objects = '<objectgroup><object type="warp" x="16" y="8" width="17" height="8"/><object type="npc" x="0" y="0" width="9" height="9"/></objectgroup>'
        for kind in ("type", "class"):
            ground = maps.Map(tmx(CSV, objects=objects.replace("type=", kind + "=")))
            self.assertEqual([(x, y) for y in range(2) for x in range(3) if ground.is_warp(x, y)], [(1, 0), (2, 0)])

    def test_what_is_no_map(self):
        wrong = [
            encoded(base(zlib.compress(b"\0" * 10**6)), 'encoding="base64" compression="zlib"'),
            encoded(base(gzip.compress(b"\0" * 10)), 'encoding="base64" compression="gzip"'),
            encoded(base(RAW + b"\0"), 'encoding="base64"'),
            encoded("!", 'encoding="base64" compression="zlib"'),
            encoded("x", 'encoding="base64" compression="zstd"'),
            encoded("1,2,3", 'encoding="csv"'),
            encoded("1,2,3,4,5,x", 'encoding="csv"'),
            encoded("1,2,3,4,5,-6", 'encoding="csv"'),
            encoded("1,2,3,4,5,99999999999999999999", 'encoding="csv"'),
            encoded('<chunk x="0" y="0" width="-1" height="2">1</chunk>', 'encoding="csv"'),
            encoded('<chunk x="0" y="0" width="99999999" height="99999999">1</chunk>', 'encoding="csv"'),
        ]
        entity = b'<!DOCTYPE map [<!ENTITY a "b">]>' + tmx(CSV)
        for data in [tmx(data) for data in wrong] + [b"", b"<map", b"no", entity, tmx(CSV).replace(b'firstgid="1"', b'firstgid="x"')]:
            with self.subTest(data), self.assertRaises(maps.BadMap):
                maps.Map(data)


class Worlds(unittest.TestCase):
    """A world that is asked for as little as can be."""

    def setUp(self):
        self.asked = []
        self.bounds = {"west": (0, 0, 0, 3, 2), "east": (3, 0, 0, 3, 2), "cellar": (0, 0, 1, 3, 2)}
        self.versions = {"west": 1, "east": 1, "cellar": 1}

    def get(self, name, attribute):
        kind, _, name = name.partition(":")
        self.assertEqual(kind, "map")
        self.asked.append((name, attribute))
        return {"bounds": self.bounds.get(name), "version": self.versions.get(name), "tmx": tmx(CSV)}[attribute]

    def test_at(self):
        world = maps.World(self, ["west", "east", "cellar", "gone"])
        found = [world.at(*place) for place in ((0, 0, 0), (3, 1, 0), (5, 1, 0), (2, 1, 1))]
        self.assertEqual([(name, x, y) for name, _, x, y in found], [("west", 0, 0), ("east", 0, 1), ("east", 2, 1), ("cellar", 2, 1)])
        self.assertEqual([world.at(*place) for place in ((-1, 0, 0), (6, 0, 0), (0, 2, 0), (3, 0, 1), (0, 0, 2))], [None] * 5)

    def test_a_map_is_read_when_it_is_looked_at_and_again_when_its_version_changes(self):
        world = maps.World(self, ["west", "east"])
        self.assertEqual([what for what in self.asked if what[1] == "tmx"], [])
        for _ in range(3):
            world.at(0, 0, 0)
        world.refresh()
        world.at(0, 0, 0)
        self.assertEqual([what for what in self.asked if what[1] == "tmx"], [("west", "tmx")])
        self.versions["west"] = 2
        world.refresh()
        world.at(0, 0, 0)
        self.assertEqual([what for what in self.asked if what[1] == "tmx"], [("west", "tmx")] * 2)
        del self.bounds["west"]
        world.refresh()
        self.assertIsNone(world.at(0, 0, 0))

    def test_names(self):
        image = [("VERSION", b"1"), ("maps", [("a.tmx", b""), ("b.tmx", b""), ("t.tsx", b"")]), ("c.tmx", b"")]
        self.assertEqual(maps.names(image), ["a", "b", "c"])
        atlas = b'[{"name": "x", "x": 0, "y": 0, "z": 0, "width": 3, "height": 2}, {"name": "w"}]'
        self.assertEqual(maps.names(image + [("atlas.json", atlas)]), ["w", "x"])
        for bad in (b"", b"{", b"[1]", b"[{}]", b"7", b"\xff"):
            with self.subTest(bad), self.assertRaises(maps.BadMap):
                maps.names([("atlas.json", bad)])


class Meadow(unittest.TestCase):
    """The example world, as this client reads it."""

    def test_every_map(self):
        for path in sorted((support.MEADOW / "maps").glob("*.tmx")):
            ground = maps.Map(path.read_bytes())
            names = [layer.name for layer in ground.layers]
            self.assertEqual((names[0], names[-1]), ("Ground", "Collision"), path.name)
            tilesets = {path.stem for path in (support.MEADOW / "tilesets").glob("*.tsx")}
            self.assertLessEqual({tileset.name for tileset in ground.tilesets}, tilesets, path.name)

    def test_both_sides_of_the_door(self):
        village, cottage = (maps.Map((support.MEADOW / "maps" / name).read_bytes()) for name in ("village.tmx", "cottage.tmx"))
        self.assertTrue(village.is_warp(16, 17) and not village.is_blocked(16, 17) and not village.is_blocked(16, 18))
        self.assertTrue(village.is_blocked(15, 17) and village.is_blocked(17, 17) and village.is_blocked(16, 16))
        self.assertTrue(cottage.is_warp(7, 10) and not cottage.is_blocked(7, 9))


if __name__ == "__main__":
    unittest.main()
