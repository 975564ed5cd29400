"""A test case about programs of a cluster, each started by the test on a database of its own."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from . import databases, yard
from .ports import free_port
from .process import Program
from .raw import DEADLINE, Raw, until
from .server import BINARY

#: A password that nothing may print.
PASSWORD = "secret"

#: Those that are a process of their own.
PROGRAMS = ("auth", "gateway", "zone-server")


class ProcessCase(unittest.TestCase):
    """A database and a Redis for the class; each test starts what it needs, on a schema of its own."""

    @classmethod
    def setUpClass(cls):
        assert not databases.missing(), databases.missing()
        folder = tempfile.TemporaryDirectory(prefix="processes-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        (cls.folder / "logs").mkdir()
        cls.world = yard.write(cls.folder / "world")
        cls.postgres, cls.redis = databases.Postgres(cls.folder), databases.Redis(cls.folder)
        cls.postgres.create()
        cls.addClassCleanup(lambda: cls.postgres.halt(is_immediate=True))
        cls.postgres.start()
        cls.addClassCleanup(cls.redis.kill)
        cls.redis.start()

    def setUp(self):
        self.database = re.sub(r"\W", "_", self.id().rsplit(".", 1)[-1])
        self.postgres.sql.run('DROP DATABASE IF EXISTS "%s" WITH (FORCE); CREATE DATABASE "%s"' % (self.database, self.database))
        self.sql = self.postgres.url().rsplit("/", 1)[0] + "/" + self.database
        self.shown = self.sql.replace(PASSWORD, "***")

    def path(self, program):
        """The programs lie side by side."""
        return str(Path(BINARY).parent / program)

    def environment(self, **variables):
        """Ours and nobody else's."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYMMORPG_", "OTEL_", "RUST_LOG"))}
        return dict(kept, **variables)

    def run_program(self, program, *arguments, code=1, **variables):
        """Runs a program that ends by itself, and returns what it said."""
        command = [self.path(program), *arguments]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment(**variables), timeout=DEADLINE, text=True
        )
        self.assertEqual(done.returncode, code, done.stdout)
        self.assertNotIn(PASSWORD, done.stdout)
        return done.stdout

    def refused(self, program, *arguments, **variables):
        """What the last line of a program says that refuses to start."""
        ports = ["--listen", "127.0.0.1:0"] if "--listen" not in arguments else []
        said = self.run_program(program, *ports, "--admin-listen", "127.0.0.1:0", *arguments, **variables)
        return said.splitlines()[-1]

    def program(self, program, *arguments, listen="127.0.0.1:0", admin="127.0.0.1:0", redis=None, databases=None):
        """A program on the test's database, which ends with the test. `databases`: variables that name them, in place of flags."""
        command = [self.path(program), "--json", "--listen", listen, "--admin-listen", admin, *arguments]
        if databases is None:
            command += ["--sql", self.sql, "--redis", redis or self.redis.url()]
        log = self.folder / "logs" / ("%s-%s-%d.log" % (self.database, program, free_port()))
        started = Program(program, log, command, self.environment(**(databases or {})))
        self.addCleanup(started.kill)
        return started

    def connect(self, gateway):
        host, port = gateway.told["gateway"].rsplit(":", 1)
        return Raw((host, int(port)))

    def until_logged(self, program, text):
        until(lambda: text in program.log_text(), "%s logs %r" % (program, text))

    def publish(self):
        self.run_program("pymmorpg", "world", "publish", str(self.world), "--sql", self.sql, code=0)

    def assert_no_trouble(self, *programs):
        for program in programs:
            self.assertEqual(program.trouble(), [], str(program))
