"""A test case with a yard and a server of its own, shared by all tests of the class."""

import itertools
import tempfile
import time
import unittest
from pathlib import Path

from . import yard
from .raw import DEADLINE, until
from .server import Server

#: So that no two tests of a class ever share a character.
_numbers = itertools.count(1)


class YardCase(unittest.TestCase):
    """Starts one server for the class. Each test brings its own characters, whose names `play` makes its own.

    A warning or an error in the server's log that no test expected fails the class.
    """

    #: Settings of the server, as environment variables.
    environment = {}
    #: Whether everybody walks as fast as they like.
    is_fast = True
    #: The server starts with the first test; a class that says False starts and stops it by itself.
    is_started = True

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="yard-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.world = yard.write(cls.folder / "world")
        if cls.is_fast:
            yard.make_fast(cls.world)
        cls.prepare_world(cls.world)
        cls.server = Server(cls.world, cls.folder / "data", cls.environment)
        cls._game_master = None
        if cls.is_started:
            cls.server.start()
            cls.addClassCleanup(cls.server.kill)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.check_log()

    @classmethod
    def prepare_world(cls, world):
        """Changes the yard before it is served."""

    def run(self, result=None):
        """Shows the end of the server's log below a test that failed."""
        bad = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > bad:
            print("the server's log ends with:\n" + "".join(self.server.log_text().splitlines(True)[-30:]), flush=True)

    # -- people

    def name(self, base):
        """A name that nobody else has."""
        return "%s %d" % (base, next(_numbers))

    def connect(self, **options):
        """A raw connection that ends with the test."""
        connection = self.server.connect(**options)
        self.addCleanup(connection.close)
        return connection

    def play(self, base, **options):
        """A new character, in the game until the test ends. `.name` is its name, `.password` its password."""
        return self.login(self.name(base), **options)

    def login(self, name, password="secret", **options):
        """The character of that name, made if it did not exist."""
        connection = self.server.play(name, password, **options)
        self.addCleanup(connection.close)
        return connection

    def game_master(self):
        """The class's game master, logged in afresh and known as one. It starts at the start like everybody else."""
        if self._game_master is None:
            type(self)._game_master = self.name("Referee")
        master = self.login(self._game_master)
        self.server.grant(master.name)
        # It is noticed within a second. Being put where one stands changes nothing.
        until(lambda: master.ask("edit", ["teleport", [master.name, master.position()]]), "the grant is noticed")
        return master

    def take_flag(self, connection, flag="map"):
        """Waits for a flag and forgets it, so that only later ones are seen."""
        connection.take_flag(flag)

    def assert_flags(self, connection, *flags):
        """Exactly these have come, and are taken."""
        self.assertEqual(connection.flags, list(flags), connection.name)
        connection.flags.clear()

    def assert_no_flags(self, connection, seconds=1.5):
        """None came that was not taken, and none comes, however long one asks."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            connection.ask("ver")
            self.assertEqual(connection.flags, [])

    # -- places

    def assert_near(self, position, wanted):
        """Two positions are the same, but for rounding."""
        self.assertEqual(position[2], wanted[2], "%r is not on the level of %r" % (position, wanted))
        for one, other in zip(position, wanted):
            self.assertAlmostEqual(one, other, 6, "%r is not %r" % (position, wanted))

    def until_seen(self, watcher, name, what=None, deadline=DEADLINE):
        """Waits until a watcher sees somebody of whom something holds, and returns what it sees."""

        def look():
            seen = watcher.view().get(name)
            return seen if seen is not None and (what is None or what(seen)) else None

        return until(look, "%s sees %s" % (watcher.name, name), deadline)

    def until_unseen(self, watcher, name, deadline=DEADLINE):
        """Waits until a watcher does not see somebody."""
        until(lambda: name not in watcher.view(), "%s does not see %s any more" % (watcher.name, name), deadline)
