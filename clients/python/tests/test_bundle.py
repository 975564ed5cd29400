"""The one file that players of the meadow get."""

import subprocess
import sys
import unittest

import support

sys.path.insert(0, str(support.PYTHON))
import bundle  # noqa: E402


class Bundle(unittest.TestCase):
    def test_it_is_up_to_date(self):
        self.assertTrue(bundle.is_up_to_date(), "run clients/python/bundle.py, and raise the meadow's client/VERSION")

    def test_the_same_sources_give_the_same_file(self):
        self.assertEqual(bundle.packed(bundle.members()), bundle.packed(bundle.members()))

    def test_it_runs_with_the_standard_library_alone(self):
        # -S: no site packages; -I: no environment, no folder of its own.
        command = [sys.executable, "-I", "-S", "-W", "error", str(bundle.TARGET), "--help"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=support.DEADLINE)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(b"--script", done.stdout)


if __name__ == "__main__":
    unittest.main()
