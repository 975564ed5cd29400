"""The plain: open ground of any number of regions, so that wherever one goes there is a border; and warps from its north to its south and back."""

import json
from dataclasses import dataclass
from pathlib import Path

from . import yard

_WORLD_TOML = """
name = "The plain"
view_distance = {view_distance}
cell = {cell}
speed = {speed}
speed_burst = {speed}

[start]
map = "plain"
x = {start_x}
y = {start_y}

[attributes.hp]
type = "int"
default = 100
write = "gm"
visible = true

[attributes.gold]
type = "int"
min = 0
default = 0
write = {{ near = {near} }}

[attributes.mail]
type = "int"
default = 0
write = {{ near = {near} }}

[attributes.say]
type = "str"
visible = true
ttl = "1s"

[templates.player]
visual = "nomad"
gold = {gold}
"""

#: How far a warp's tile is from the edge of the world, and from that of its cell.
WARP_MARGIN = 2


@dataclass(frozen=True)
class Spawn:
    """Creatures of a kind, which come into the world anywhere in an area: its north-western tile, its columns and its rows."""

    kind: str
    count: int
    area: tuple[int, int, int, int]
    #: How long it takes until one is back that has died.
    respawn_ms: int = 1000


@dataclass(frozen=True)
class Plain:
    """How large it is, and what holds there."""

    #: Cells along x and along y, all on one level.
    columns: int = 8
    rows: int = 8
    #: The side of a cell, in tiles.
    cell: int = 16
    view_distance: int = 10
    #: Tiles a second, and at once.
    speed: float = 10000
    #: How near one must be to give others gold or mail.
    near: int = 10
    #: What everybody begins with.
    gold: int = 1000
    #: The tile on which Sage#plain stands, if there is one.
    sage: tuple[int, int] | None = None
    #: Who lives there besides.
    spawns: tuple[Spawn, ...] = ()
    #: More of world.toml: rules and templates.
    rules: str = ""

    @property
    def width(self) -> int:
        return self.columns * self.cell

    @property
    def height(self) -> int:
        return self.rows * self.cell

    @property
    def start(self) -> tuple[float, float, int]:
        """Where new characters begin: in the middle of a cell in the middle."""
        return (self.columns // 2 * self.cell + self.cell / 2, self.rows // 2 * self.cell + self.cell / 2, 0)

    @property
    def warps(self) -> dict[tuple[int, int], tuple[float, float, int]]:
        """By its tile, where each warp puts who steps on it: one in each cell of the northern and southern edge, leading to the other edge."""
        north, south = WARP_MARGIN, self.height - 1 - WARP_MARGIN
        found = {}
        for x in range(WARP_MARGIN, self.width, self.cell):
            # Two tiles aside, so that nobody arrives on the warp back.
            found[x, north] = (x + 2.5, south + 0.5, 0)
            found[x, south] = (x + 2.5, north + 0.5, 0)
        return found

    def region_at(self, x: float, y: float) -> str:
        """The region of a place, as SQL names it."""
        return "0:%d:%d" % (x // self.cell, y // self.cell)

    def creatures(self, spawn: Spawn) -> list[str]:
        """The names of those of a spawn, by their home: the region of its north-western tile. No two spawns of a kind have the same."""
        home = self.region_at(*spawn.area[:2])
        return ["%s#%s.%d" % (spawn.kind, home, number) for number in range(1, spawn.count + 1)]

    def write(self, folder: Path) -> Path:
        """Writes the whole world into a folder and returns its path."""
        (folder / "client").mkdir(parents=True, exist_ok=True)
        (folder / "client" / "VERSION").write_text(yard.VERSION + "\n")
        x, y, _ = self.start
        numbers = {"view_distance": self.view_distance, "cell": self.cell, "speed": self.speed, "near": self.near, "gold": self.gold}
        (folder / "world.toml").write_text(_WORLD_TOML.format(start_x=x, start_y=y, **numbers) + self.rules)
        yard.write_tilesets(folder)
        drawing = "\n".join(["." * self.width] * self.height)
        (folder / "plain.tmx").write_text(yard.tmx("plain", drawing, self._objects()))
        maps = [{"fileName": "plain.tmx", "x": 0, "y": 0}]
        (folder / "plain.world").write_text(json.dumps({"maps": maps, "type": "world", "onlyShowAdjacentMaps": False}))
        return folder

    def _objects(self):
        for number, ((x, y), place) in enumerate(self.warps.items(), 1):
            properties = dict(zip(("dest_map", "dest_x", "dest_y"), ("plain", int(place[0]), int(place[1]))))
            yield yard.map_object(number, "", "warp", x, y, properties)
        if self.sage:
            yield yard.map_object(len(self.warps) + 1, "Sage", "npc", *self.sage, {"visual": "sage"})
        for number, spawn in enumerate(self.spawns, len(self.warps) + 2):
            x, y, columns, rows = spawn.area
            properties = {"max_beings": spawn.count, "spawn": spawn.respawn_ms, "death": 0}
            yield yard.map_object(number, spawn.kind, "spawn", x, y, properties, columns, rows)
