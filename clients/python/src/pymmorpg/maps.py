"""The world's ground as a client sees it: Tiled maps, read from the server with `get` and kept up to date.

Reads what is needed to draw and to see where walls are. The server alone decides who may walk where.
"""

import array
import base64
import gzip
import io
import json
import xml.etree.ElementTree as ElementTree
import zlib
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from . import image
from .client import Client
from .errors import Error

#: Tiled keeps four flags of how a tile is turned in the top bits of its number.
GID_MASK = 0x0FFFFFFF

#: The most tiles of one map, over all its layers: no server of ours serves a map that comes near it.
TILES_MAX = 1 << 28

#: The layer whose tiles block, but for the first of their tileset.
COLLISION = "Collision"


class BadMap(Error):
    """A map's file that cannot be read."""


class Tileset(NamedTuple):
    """What a map's file says of a tileset."""

    first_gid: int
    #: Its own name, or that of its file without the ending.
    name: str


class Layer:
    """One tile layer: numbers of tiles by place, in the map's own tiles."""

    def __init__(self, name: str, is_visible: bool, is_blocking: bool) -> None:
        self.name = name
        self.is_visible = is_visible
        self.is_blocking = is_blocking
        self._chunks: List[Tuple[int, int, int, int, Any]] = []

    def gid(self, x: int, y: int) -> int:
        """The tile at a place, without its flags; 0 for none."""
        for west, north, width, height, gids in self._chunks:
            if west <= x < west + width and north <= y < north + height:
                gid: int = gids[(y - north) * width + x - west]
                return gid & GID_MASK
        return 0

    def add(self, west: int, north: int, width: int, height: int, gids: Any) -> None:
        """Takes a block of tiles, row by row."""
        if len(gids) != width * height:
            raise BadMap("layer %s has %d tiles where %d x %d were promised" % (self.name, len(gids), width, height))
        self._chunks.append((west, north, width, height, gids))


class Map:
    """One map: its tile layers from the ground upwards, and its tilesets."""

    def __init__(self, tmx: bytes) -> None:
        """Reads a ``.tmx`` file in any encoding that Tiled writes but zstd."""
        if b"<!ENTITY" in tmx:
            raise BadMap("a map that defines entities")
        try:
            root = ElementTree.fromstring(tmx)
        except ElementTree.ParseError as error:
            raise BadMap("the map is no XML: %s" % error) from error
        self.layers: List[Layer] = []
        try:
            self.tilesets = sorted(_tilesets(root))
            self.warps = list(_warps(root))
            for element, is_visible, is_blocking in _layers(root, True, False):
                self.layers.append(_layer(element, is_visible, is_blocking))
        except (ArithmeticError, ValueError, RecursionError, zlib.error, OSError, EOFError) as error:
            raise BadMap("the map cannot be read: %s" % error) from error

    def tileset(self, gid: int) -> Optional[Tileset]:
        """The tileset that a tile is of."""
        found = None
        for tileset in self.tilesets:
            if tileset.first_gid <= gid:
                found = tileset
        return found

    def is_blocked(self, x: int, y: int) -> bool:
        """Whether a tile blocks, as far as the map's own file says."""
        for layer in self.layers:
            gid = layer.gid(x, y)
            if gid and layer.is_blocking:
                return True
            if gid and layer.name == COLLISION:
                tileset = self.tileset(gid)
                if tileset is not None and tileset.first_gid != gid:
                    return True
        return False

    def is_warp(self, x: int, y: int) -> bool:
        """Whether whoever steps on a tile is taken elsewhere."""
        return any(west <= x < east and north <= y < south for west, north, east, south in self.warps)

    def top(self, x: int, y: int) -> Optional[Tuple[Layer, Tileset]]:
        """The topmost tile that is drawn at a place: its layer and its tileset."""
        for layer in reversed(self.layers):
            gid = layer.gid(x, y)
            if gid and layer.is_visible and layer.name != COLLISION:
                tileset = self.tileset(gid)
                if tileset is not None:
                    return layer, tileset
        return None


class Bounds(NamedTuple):
    """Where a map is: its north-west corner and its size, in tiles, and its level."""

    x: int
    y: int
    z: int
    width: int
    height: int

    def contain(self, x: int, y: int, z: int) -> bool:
        """Whether a tile is on the map."""
        return z == self.z and self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


class World:
    """All maps, each read from the server when somebody first looks at it.

    ``names`` are the maps' names, such as :func:`names` finds in a client image. Call :meth:`refresh` when the flag
    ``'map'`` has come.
    """

    def __init__(self, client: Client, names: List[str]) -> None:
        self._client = client
        self._names = names
        self._bounds: Dict[str, Bounds] = {}
        self._maps: Dict[str, Tuple[Any, Map]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Asks where the maps are now, and forgets those whose version has changed."""
        self._bounds = {}
        for name in self._names:
            bounds = self._client.get("map:" + name, "bounds")
            if type(bounds) is tuple and len(bounds) == 5:
                self._bounds[name] = Bounds(*bounds)
        for name, (version, _) in list(self._maps.items()):
            if name not in self._bounds or self._client.get("map:" + name, "version") != version:
                del self._maps[name]

    def at(self, x: int, y: int, z: int) -> Optional[Tuple[str, Map, int, int]]:
        """The map that a tile is on, its name, and the tile's place in the map's own tiles."""
        for name, bounds in self._bounds.items():
            if bounds.contain(x, y, z):
                return name, self._load(name), x - bounds.x, y - bounds.y
        return None

    def _load(self, name: str) -> Map:
        if name not in self._maps:
            # The version is asked first: if an edit comes between, the next refresh reads the map again.
            version = self._client.get("map:" + name, "version")
            self._maps[name] = version, Map(self._client.get("map:" + name, "tmx") or b"<map/>")
        return self._maps[name][1]


def names(client_image: Any) -> List[str]:
    """The names of all maps, by what a client image holds: its ``atlas.json``, or else its ``.tmx`` files."""
    found: Set[str] = set()
    for path, data in image.files(client_image).items():
        name = path.rsplit("/", 1)[-1]
        if name == "atlas.json":
            try:
                return sorted(str(entry["name"]) for entry in json.loads(data.decode("utf-8")))
            except (ValueError, KeyError, TypeError) as error:
                raise BadMap("the atlas cannot be read: %s" % error) from error
        if name.endswith(".tmx"):
            found.add(name[: -len(".tmx")])
    return sorted(found)


def _tilesets(root: ElementTree.Element) -> Iterator[Tileset]:
    for element in root.iter("tileset"):
        source = element.get("source", "").replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
        yield Tileset(int(element.get("firstgid", "1")), element.get("name") or source)


def _warps(root: ElementTree.Element) -> Iterator[Tuple[float, float, float, float]]:
    width, height = float(root.get("tilewidth", "1")), float(root.get("tileheight", "1"))
    for element in root.iter("object"):
        if "warp" in (element.get("type"), element.get("class")):
            west, north = (float(element.get(key, "0")) for key in ("x", "y"))
            east, south = west + float(element.get("width", "0")), north + float(element.get("height", "0"))
            yield west // width, north // height, -(-east // width), -(-south // height)


def _layers(
    parent: ElementTree.Element, is_visible: bool, is_blocking: bool
) -> Iterator[Tuple[ElementTree.Element, bool, bool]]:
    for element in parent:
        if element.tag in ("layer", "group"):
            visible = is_visible and element.get("visible", "1") != "0"
            blocking = is_blocking or any(
                entry.get("name") == "blocked" and entry.get("value") == "true"
                for entry in element.findall("properties/property")
            )
            if element.tag == "layer":
                yield element, visible, blocking
            else:
                yield from _layers(element, visible, blocking)


def _layer(element: ElementTree.Element, is_visible: bool, is_blocking: bool) -> Layer:
    layer = Layer(element.get("name", ""), is_visible, is_blocking)
    data = element.find("data")
    if data is None:
        return layer
    chunks = data.findall("chunk")
    if not chunks:
        width, height = int(element.get("width", "0")), int(element.get("height", "0"))
        layer.add(0, 0, width, height, _gids(data, data, width * height))
    for chunk in chunks:
        west, north, width, height = (int(chunk.get(key, "0")) for key in ("x", "y", "width", "height"))
        layer.add(west, north, width, height, _gids(data, chunk, width * height))
    return layer


def _gids(data: ElementTree.Element, holder: ElementTree.Element, count: int) -> Any:
    if not 0 <= count <= TILES_MAX:
        raise BadMap("a layer of %d tiles" % count)
    encoding, compression = data.get("encoding"), data.get("compression")
    text = holder.text or ""
    if encoding is None:
        return array.array("L", (int(tile.get("gid", "0")) for tile in holder.findall("tile")))
    if encoding == "csv":
        return array.array("L", (int(gid) for gid in text.split(",")))
    packed = base64.b64decode(text.strip())
    # Never unpacked further than it takes to see that there is too much.
    if compression == "zlib":
        packed = zlib.decompressobj().decompress(packed, 4 * count + 1)
    elif compression == "gzip":
        packed = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(4 * count + 1)
    elif compression:
        raise BadMap("tiles that are compressed with %s" % compression)
    if len(packed) != 4 * count:
        raise BadMap("a layer of %d bytes where %d were promised" % (len(packed), 4 * count))
    return array.array("L", (int.from_bytes(packed[at : at + 4], "little") for at in range(0, len(packed), 4)))
