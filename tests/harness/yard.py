"""The yard: a small world whose every tile the tests know. Written afresh into a folder, so that a test may break it.

West and east lie side by side on one level, 24 x 16 tiles each; the cellar has a level of its own behind a warp. Cells
are 8 tiles, so a short walk crosses many regions.
"""

import json
from pathlib import Path

#: What the client image says of itself.
VERSION = "1.0.0"

#: Where new characters begin: x and y of the tile, in west.
START = (4, 4)

# Walls are '#'. `w` is a warp (see WARPS), `n` an NPC, `s` the start.
WEST = """
########################
#.......................
#.........#.............
#.........#.............
#...s.n...#.............
#.........#.............
#.........#.............
#.......................
#.......................
#.......................
#.......................
#.......................
#.w.....................
#.......................
#.......................
########################
"""

EAST = """
########################
.......................#
.......................#
.......................#
.......................#
.......................#
.......................#
.......................#
.......................#
.......................#
.......................#
.......................#
.......................#
.......................#
.......................#
########################
"""

CELLAR = """
##########
#........#
#........#
#........#
#........#
#......w.#
#........#
##########
"""

#: map → where its warp leads: (map, x, y) in that map's own tiles.
WARPS = {"west": ("cellar", 2, 2), "cellar": ("west", 4, 12)}

WORLD_TOML = """
name = "The yard"
view_distance = 10
cell = 8
speed = 40
speed_burst = 20

[start]
map = "west"
x = 4
y = 4

[attributes.hp]
type = "int"
min = 0
max = 100
default = 100
write = "gm"
visible = true

[attributes.gold]
type = "int"
min = 0
max = 1000
default = 0
write = { near = 3 }

[attributes.say]
type = "str"
visible = true
ttl = "1s"

[attributes.diary]
get = false

[attributes.fate]
write = "nobody"

[templates.player]
visual = "gardener"
hp = 100
fate = "written"
"""

_TILESET = """<?xml version="1.0" encoding="UTF-8"?>
<tileset version="1.10" tiledversion="1.10.2" name="{name}" tilewidth="32" tileheight="32" tilecount="16" columns="4">
 <image source="{name}.png" width="128" height="128"/>
</tileset>
"""

#: First gids of the tilesets ground (1 to 16) and collision (17 to 32); 18 is what a wall holds.
WALL_GID = 18
GRASS_GID = 2


def write(folder):
    """Writes the whole world into a folder and returns its path."""
    folder = Path(folder)
    (folder / "client").mkdir(parents=True, exist_ok=True)
    (folder / "client" / "VERSION").write_text(VERSION + "\n")
    (folder / "client" / "hello.py").write_text("print('hello')\n")
    (folder / "world.toml").write_text(WORLD_TOML)
    write_tilesets(folder)
    for name, drawing in (("west", WEST), ("east", EAST), ("cellar", CELLAR)):
        (folder / (name + ".tmx")).write_text(tmx(name, drawing))
    maps = [{"fileName": "west.tmx", "x": 0, "y": 0}, {"fileName": "east.tmx", "x": 24 * 32, "y": 0}]
    (folder / "yard.world").write_text(json.dumps({"maps": maps, "type": "world", "onlyShowAdjacentMaps": False}))
    return folder


def write_tilesets(folder):
    """Writes what `tmx` draws with."""
    for name in ("ground", "collision"):
        (folder / (name + ".tsx")).write_text(_TILESET.format(name=name))


def make_fast(folder):
    """Lets everybody walk as fast as they like, for tests of something else."""
    toml = Path(folder) / "world.toml"
    toml.write_text(WORLD_TOML.replace("speed = 40", "speed = 10000").replace("speed_burst = 20", "speed_burst = 10000"))


def tmx(name, drawing, objects=None):
    """A map in Tiled's own format, its layers as CSV. Objects are those of the drawing, if none are given."""
    rows = drawing.strip().split("\n")
    width, height = len(rows[0]), len(rows)
    assert all(len(row) == width for row in rows)
    ground = [[GRASS_GID] * width for _ in rows]
    walls = [[WALL_GID if tile == "#" else 0 for tile in row] for row in rows]
    return """<?xml version="1.0" encoding="UTF-8"?>
<map version="1.10" tiledversion="1.10.2" orientation="orthogonal" renderorder="right-down" width="{width}" height="{height}" tilewidth="32" tileheight="32" infinite="0" nextlayerid="4" nextobjectid="9">
 <tileset firstgid="1" source="ground.tsx"/>
 <tileset firstgid="17" source="collision.tsx"/>
{ground}{walls} <objectgroup id="3" name="Objects">
{objects} </objectgroup>
</map>
""".format(
        width=width,
        height=height,
        ground=_layer(1, "Ground", ground),
        walls=_layer(2, "Collision", walls),
        objects="".join(_objects(name, rows) if objects is None else objects),
    )


def _layer(number, name, rows):
    width, height = len(rows[0]), len(rows)
    csv = ",\n".join(",".join(str(gid) for gid in row) for row in rows)
    return ' <layer id="%d" name="%s" width="%d" height="%d">\n  <data encoding="csv">\n%s\n</data>\n </layer>\n' % (
        number,
        name,
        width,
        height,
        csv,
    )


def _objects(name, rows):
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            if tile == "w":
                yield map_object(1, "", "warp", x, y, dict(zip(("dest_map", "dest_x", "dest_y"), WARPS[name])))
            elif tile == "n":
                yield map_object(2, "Gardener", "npc", x, y, {"visual": "npc-gardener"})
            elif tile == "s":
                yield map_object(3, "", "start", x, y, {})


def map_object(number, name, kind, x, y, properties, columns=1, rows=1):
    """An object of one tile, or more, as a map has it."""
    inside = "".join(
        '    <property name="%s"%s value="%s"/>\n' % (key, ' type="int"' if isinstance(value, int) else "", value)
        for key, value in properties.items()
    )
    body = "   <properties>\n%s   </properties>\n" % inside if inside else ""
    return '  <object id="%d" name="%s" type="%s" x="%d" y="%d" width="%d" height="%d">\n%s  </object>\n' % (
        number,
        name,
        kind,
        x * 32,
        y * 32,
        columns * 32,
        rows * 32,
        body,
    )
