"""A test case with a cluster of its own, shared by all tests of the class."""

import contextlib
import itertools
import tempfile
import threading
from pathlib import Path

from . import databases
from .case import YardCase
from .cluster import Cluster, Zone
from .plain import Plain
from .raw import Raw, until


class ClusterCase(YardCase):
    """People and places are as in a `YardCase`; the ground is a plain of many small regions, and nobody is too fast on it.

    Which zone server has which region is decided by their addresses: tests look for the borders that they need.
    """

    plain = Plain(columns=12, rows=12, cell=8, view_distance=6, near=10, gold=100)
    gateway_count = 2
    zone_count = 4
    #: Warnings that the tests of the class provoke.
    expected_log: tuple[str, ...] = ()

    #: Whether what its processes say to each other can be cut.
    is_proxied = False

    cluster: Cluster

    @classmethod
    def setUpClass(cls):
        cls.make_cluster()
        cls.cluster.start()

    @classmethod
    def make_cluster(cls) -> Path:
        """Makes it, and starts nothing yet. Returns its folder."""
        assert not databases.missing(), databases.missing()
        folder = tempfile.TemporaryDirectory(prefix="plain-")
        cls.addClassCleanup(folder.cleanup)
        path = Path(folder.name)
        cls.cluster = cls.server = Cluster(path, cls.plain.write(path / "world"), cls.gateway_count, cls.zone_count, cls.is_proxied)
        for pattern in cls.expected_log:
            cls.cluster.expect_log(pattern)
        cls._game_master = None
        cls.addClassCleanup(cls.cluster.kill)
        return path

    # -- who has what

    def zone_at(self, x: float, y: float) -> Zone:
        """The zone server that has a place."""
        return self.cluster.zone_of(self.plain.region_at(x, y))

    def borders(self) -> list[tuple[float, float]]:
        """Places in the middle of the border between a cell and its eastern neighbour that two zone servers have. Those at the edge are left out."""
        cell, holders = self.plain.cell, self.cluster.sql.holders()
        found = []
        for column, row in self._inner_cells():
            west, east = (holders["0:%d:%d" % (column + n, row)] for n in (0, 1))
            if west != east:
                found.append(((column + 1) * cell, (row + 0.5) * cell))
        assert found, "no two regions side by side are on two zone servers: %r" % holders
        return found

    def corners(self, count: int) -> list[tuple[float, float]]:
        """Points at which so many zone servers meet."""
        cell, holders = self.plain.cell, self.cluster.sql.holders()
        found = []
        for column, row in self._inner_cells():
            around = {holders["0:%d:%d" % (column + east, row + south)] for east in (0, 1) for south in (0, 1)}
            if len(around) >= count:
                found.append(((column + 1) * cell, (row + 1) * cell))
        assert found, "nowhere do %d zone servers meet: %r" % (count, holders)
        return found

    def warps_to_elsewhere(self) -> list[tuple[tuple[int, int], tuple[float, float, int]]]:
        """Tiles of warps onto another zone server, and where they lead."""
        holders = self.cluster.sql.holders()
        found = [
            (tile, place)
            for tile, place in self.plain.warps.items()
            if holders[self.plain.region_at(*tile)] != holders[self.plain.region_at(*place[:2])]
        ]
        assert found, "no warp leads to another zone server: %r" % holders
        return found

    def _inner_cells(self):
        return itertools.product(range(1, self.plain.columns - 2), range(1, self.plain.rows - 2))

    def revive(self) -> None:
        """Whatever died is there again for the next test."""
        for program in self.cluster.programs:
            if not program.is_running():
                program.kill()
                program.start()
        self.cluster.wait_until_settled()

    # -- people

    @contextlib.contextmanager
    def seen_all_the_time(self, watchers: list[Raw], name: str, more_views_than: int):
        """Meanwhile, each watcher looks again and again and sees somebody once in every view; and often enough to see a gap."""
        is_over = threading.Event()
        failures, counts = [], []

        def watch(watcher):
            views = 0
            while not is_over.is_set():
                names = [entity["name"] for entity in watcher.ask("update")]
                views += 1
                if names.count(name) != 1:
                    failures.append("%s sees %r in view %d" % (watcher.name, names, views))
                    return
            counts.append(views)

        threads = [threading.Thread(target=watch, args=(watcher,)) for watcher in watchers]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            is_over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(min(counts), more_views_than, "views enough to see a gap in")

    def game_master(self) -> Raw:
        """The class's game master, whom every zone server knows as one. It starts at the start like everybody else."""
        is_new = self._game_master is None
        master = super().game_master()
        if is_new:
            cell, holders = self.plain.cell, self.cluster.sql.holders()
            places = {holder: region.split(":") for region, holder in holders.items()}
            for _, column, row in places.values():
                there = ((int(column) + 0.5) * cell, (int(row) + 0.5) * cell, 0)
                until(lambda there=there: master.ask("edit", ["teleport", [master.name, there]]), "the grant is noticed at %r" % (there,))
            self.put(master, *self.plain.start[:2])
        return master

    def put(self, player: Raw, x: float, y: float) -> None:
        """One long step over open ground."""
        here = player.position()
        self.assertIs(player.ask("move", (x - here[0], y - here[1], 0)), True)
        self.assertEqual(player.position(), (x, y, 0))

    def play_at(self, base: str, x: float, y: float, **options) -> Raw:
        """A new character at a place, which the zone server of that place has: it comes from the middle of the cell, not from over a border."""
        player = self.play(base, **options)
        cell = self.plain.cell
        self.put(player, (x // cell + 0.5) * cell, (y // cell + 0.5) * cell)
        self.put(player, x, y)
        return player

    def row(self, name: str):
        """A character as it stands in SQL."""
        return self.cluster.sql.entities()[name.lower()]

    def owner_of(self, name: str) -> int | None:
        return self.row(name).owner

    def until_owned_by(self, player: Raw, zone: Zone) -> None:
        """Waits until a zone server has a character."""
        incarnation = self.cluster.incarnation(zone)
        until(lambda: self.owner_of(player.name) == incarnation, "%s is with %s" % (player.name, zone))
