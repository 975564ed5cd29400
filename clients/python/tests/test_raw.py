"""The client of fifteen lines: it converses, and the README shows it as it is."""

import subprocess
import sys
import unittest

import support
from support import FakeServer

RAW = support.PYTHON / "examples" / "raw.py"


class Raw(unittest.TestCase):
    def converse(self, is_new):
        """What it printed, and what it asked for."""
        replies = {"ver": "1.0.0", "new": is_new, "login": True, "move": True, "update": []}
        with FakeServer(lambda request: [replies[request[0]]]) as server:
            done = subprocess.run(
                [sys.executable, str(RAW), str(server.address[1])],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=support.DEADLINE,
            )
            self.assertEqual(done.returncode, 0, done.stdout)
            return done.stdout.decode().splitlines(), server.requests

    def test_a_new_character(self):
        printed, requests = self.converse(True)
        self.assertEqual(printed, ["['1.0.0'] True", "[True] [[]]"])
        self.assertEqual(requests, [["ver"], ["new", "Anna", "secret"], ["move", (1, 0, 0)], ["update"]])

    def test_one_that_is_there(self):
        printed, requests = self.converse(False)
        self.assertEqual(printed, ["['1.0.0'] True", "[True] [[]]"])
        self.assertEqual([request[0] for request in requests], ["ver", "new", "login", "move", "update"])

    def test_fifteen_lines(self):
        self.assertEqual(len(RAW.read_text().splitlines()), 15)

    def test_the_readme_shows_it(self):
        self.assertIn("```python\n%s```" % RAW.read_text(), (support.REPOSITORY / "README.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
