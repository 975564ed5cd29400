"""`pymmorpg` is each of the other programs when it is called as they are: one file is enough for a container's image."""

from pathlib import Path

from harness.process_case import PROGRAMS, ProcessCase
from harness.server import BINARY


class OneFile(ProcessCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.names = cls.folder / "names"
        cls.names.mkdir()
        for name in ("pymmorpg", "something-else", *PROGRAMS):
            (cls.names / name).symlink_to(Path(BINARY).resolve())

    def path(self, program):
        return str(self.names / program)

    def test_it_is_who_it_is_called(self):
        for program in ("pymmorpg", *PROGRAMS):
            self.assertRegex(self.run_program(program, "--version", code=0), r"^%s \d" % program)
            self.assertIn("Usage: %s " % program, self.run_program(program, "--no-such-flag", code=2))
        self.assertRegex(self.run_program("something-else", "--version", code=0), r"^pymmorpg \d")
        # What one of them takes is an error for the others.
        self.run_program("gateway", "--advertise", "http://zone:7800", code=2)
        self.run_program("auth", "up", code=2)

    def test_a_cluster_of_one_file(self):
        self.publish()
        auth, zone = self.program("auth"), self.program("zone-server")
        auth.start()
        zone.start()
        gateway = self.program("gateway", "--auth", "http://" + auth.told["auth"])
        gateway.start()
        with self.connect(gateway) as player:
            self.assertIs(player.ask("new", "Anna", "secret"), True)
            self.assertIs(player.ask("set", "Anna", "gold", (5,)), True)
        for program in (gateway, zone, auth):
            program.stop()
        self.assert_no_trouble(gateway, zone, auth)
