"""A test case whose server is killed and started again."""

import random
import signal
import tempfile
import unittest
from pathlib import Path

from . import yard
from .raw import until
from .server import Server


class RestartCase(unittest.TestCase):
    """Each test has a server of its own, which it may kill and start again."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="yard-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.server = Server(yard.write(self.folder / "world"), self.folder / "data")
        self.seed = random.randrange(1 << 32)
        self.chance = random.Random(self.seed)
        self.server.start()
        self.addCleanup(self.server.kill)

    def tearDown(self):
        self.server.stop()
        self.server.check_log()

    def crash(self):
        """`kill -9`, and up again."""
        self.server.kill()
        self.server.start()

    def restart(self, with_signal=signal.SIGINT):
        self.server.stop(with_signal)
        self.server.start()

    def connect(self):
        """A raw connection that ends with the test."""
        connection = self.server.connect()
        self.addCleanup(connection.close)
        return connection

    def play(self, name):
        """The character of that name, in the game until the test ends or the server does."""
        connection = self.server.play(name)
        self.addCleanup(connection.close)
        return connection

    def game_master(self, name="Referee"):
        master = self.play(name)
        self.server.grant(name)
        until(lambda: master.ask("edit", ["teleport", [name, master.position()]]), "the grant is noticed")
        return master
