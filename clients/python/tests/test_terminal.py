"""The terminal example, as its users run it: a process of its own, by a script of words or on a terminal."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import support
from support import FakeServer, until

ENVIRONMENT = dict(os.environ, COLUMNS="100", LINES="32", TERM="xterm", PYTHONIOENCODING="utf-8", PYTHONDONTWRITEBYTECODE="1")

NELE = {"pos": (33.5, 64.5, 0), "name": "Nele#meadow", "title": "Nele", "words": "I count you, too.", "visual": "child"}
ILSE = {"pos": (37.5, 66.5, 0), "name": "Ilse#meadow", "title": "Ilse the shepherd", "words": "Close the gate!", "visual": "shepherd"}


class MeadowServer:
    """The example world's outdoor maps, one player on them and two others; it lets everybody walk everywhere."""

    BOUNDS = {"village": (0, 0, 0, 64, 48), "forest": (64, 0, 0, 64, 48), "meadow": (0, 48, 0, 64, 48), "lake": (64, 48, 0, 64, 48)}

    def __init__(self):
        self.place = [33.5, 66.5, 0]
        self.say = None
        self.beside = []
        self.done = []
        self.flags = []
        self.versions = dict.fromkeys(self.BOUNDS, 1)
        self.tmx_reads = []

    def answer(self, request):
        reply = [getattr(self, "do_" + request[0])(*request[1:])] + self.flags
        self.flags = []
        return reply

    def do_ver(self):
        return "1.0.1"

    def do_upgrade(self):
        return [("VERSION", b"1.0.1\n"), ("maps", [(name + ".tmx", b"") for name in self.BOUNDS])]

    def do_login(self, name, password):
        return (name, password) == ("Anna", "secret")

    def do_new(self, name, password):
        return False

    def do_update(self):
        me = {"pos": tuple(self.place), "name": "Anna", "visual": "wanderer"}
        if self.say is not None:
            me["say"] = self.say
        return [NELE, me, ILSE] + self.beside

    def do_move(self, offset):
        self.place = [at + step for at, step in zip(self.place, offset)]
        return offset != (-1, 0, 0)

    def do_set(self, name, attribute, value):
        if name != "Anna":
            self.done.append((name, attribute, value))
            return True
        assert attribute == "say", attribute
        self.say = value
        return True

    def do_get(self, name, attribute):
        name = name[len("map:") :]
        if attribute == "tmx":
            self.tmx_reads.append(name)
            return (support.MEADOW / "maps" / (name + ".tmx")).read_bytes()
        return {"bounds": self.BOUNDS, "version": self.versions}[attribute][name]


def run(*arguments, code=0):
    """Runs the example and returns what it printed."""
    command = [sys.executable, "-W", "error", str(support.TERMINAL)] + list(arguments)
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT, timeout=support.DEADLINE
    )
    text = done.stdout.decode("utf-8")
    assert done.returncode == code, "%s ended with %d:\n%s" % (arguments, done.returncode, text)
    return text


class Script(unittest.TestCase):
    def setUp(self):
        self.meadow = MeadowServer()
        self.server = FakeServer(self.meadow.answer)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)

    def script(self, words, name="Anna", password="secret", code=0):
        where = "%s:%d" % self.server.address
        return run(where, "--name", name, "--password", password, "--script", words, code=code)

    def test_a_frame(self):
        lines = self.script("look").splitlines()
        self.assertEqual(len(lines), 32)
        self.assertLessEqual(max(map(len, lines)), 100)
        picture, panel = [line[:67] for line in lines[:26]], [line[68:] for line in lines[:26]]
        self.assertEqual(picture[13][33], "@")
        self.assertEqual(picture[11][33], "a")
        self.assertEqual(picture[13][37], "b")
        self.assertEqual(panel[:5], ["@ Anna", "  at 33.5, 66.5 in meadow", "", "a Nele", "b Ilse the shepherd"])
        # The player stands on the road to the village, west of it lies the pond, beyond the world's west edge nothing.
        self.assertEqual(picture[10][33], ":")
        self.assertIn("~~~~", picture[11][8:20])
        self.assertIn("T", "".join(picture))
        self.assertEqual(lines[26], "-" * 100)
        self.assertEqual(lines[27:], ["Nele: I count you, too."] + [""] * 4)

    def test_walking_and_talking(self):
        text = self.script("right*3 down say:hello 'say:two words' up look")
        self.assertEqual(text.splitlines()[:5], ["right*3: True", "down: True", "say:hello: True", "say:two words: True", "up: True"])
        moves = [request[1] for request in self.server.requests if request[0] == "move"]
        self.assertEqual(moves, [(1, 0, 0)] * 3 + [(0, 1, 0), (0, -1, 0)])
        self.assertIn("at 36.5, 66.5 in meadow", text)
        self.assertIn("Anna: two words", text)
        # Near enough now to hear the shepherd.
        self.assertIn("Ilse the shepherd: Close the gate!", text)

    def test_what_one_does_to_what_is_beside(self):
        pos = (34.5, 66.5, 0)
        self.meadow.beside = [
            {"pos": pos, "name": "Bert", "hp": 9, "item": "gold", "wants": "gold"},
            {"pos": (36.6, 66.5, 0), "name": "Wolf#0:0:1.2", "hp": 9, "item": "gold", "wants": "gold"},
        ]
        self.assertEqual(self.script("take hit give", code=1).split(), ["take:", "False", "hit:", "False", "give:", "False"])
        self.meadow.beside += [
            {"pos": pos, "name": "Wolf#0:0:1.1", "title": "the wolf", "hp": 9},
            {"pos": pos, "name": "Slime#0:0:1.1", "title": "a slime", "hp": 2},
            {"pos": pos, "name": "Mushroom#0:0:1.1", "title": "a mushroom", "item": "mushrooms"},
            {"pos": pos, "name": "Mara#meadow", "title": "Old Mara", "wants": "mushrooms"},
        ]
        text = self.script("take give hit look")
        self.meadow.beside = [one for one in self.meadow.beside if "slime" not in one.get("title", "")]
        text += self.script("hit look")
        for told in ("You take a mushroom.", "You give something to Old Mara.", "You strike a slime.", "You strike the wolf."):
            self.assertIn(told, text)
        self.assertEqual(
            self.meadow.done,
            [
                ("Mushroom#0:0:1.1", "taken", True),
                ("Mara#meadow", "offer", 1),
                ("Slime#0:0:1.1", "hp", (-2,)),
                ("Wolf#0:0:1.1", "hp", (-3,)),
            ],
        )

    def test_long_lines_are_wrapped(self):
        text = self.script("'say:%s' look" % " ".join(["word"] * 50))
        self.assertEqual(sum(line.count("word") for line in text.splitlines()[-5:]), 50)

    def test_what_does_not_work_is_told_at_the_end(self):
        text = self.script("left right", code=1)
        self.assertEqual(text.splitlines(), ["left: False", "right: True"])
        self.assertIn("no word 'dance'", self.script("dance", code=1))

    def test_the_map_flag(self):
        def edit(offset):
            self.meadow.versions["meadow"] = 2
            self.meadow.flags = ["map"]
            return True

        self.assertNotIn("The map has changed", self.script("look look"))
        self.assertEqual(sorted(self.meadow.tmx_reads), ["lake", "meadow"])
        self.meadow.do_move = edit
        self.meadow.tmx_reads.clear()
        self.assertIn("The map has changed.", self.script("look right look look"))
        self.assertEqual(sorted(self.meadow.tmx_reads), ["lake", "meadow", "meadow"])

    def test_the_client_flag(self):
        self.meadow.flags = ["client"]
        self.assertIn("Client 1.0.1 is out", self.script("look"))

    def test_nothing_that_others_say_moves_the_cursor(self):
        self.meadow.say = "\x1b[2J\r\nboo\u202e\x07"
        text = self.script("look")
        self.assertIn("Anna: ?[2J??boo??", text)
        self.assertNotIn("\x1b", text)

    def test_a_wrong_password(self):
        self.assertIn("has another password", self.script("look", password="wrong", code=1))

    def test_upgrade(self):
        with tempfile.TemporaryDirectory() as folder:
            text = run("%s:%d" % self.server.address, "--upgrade", folder)
            self.assertIn("client 1.0.1 is in", text)
            with open(os.path.join(folder, "VERSION"), "rb") as file:
                self.assertEqual(file.read(), b"1.0.1\n")

    def test_a_server_that_goes_away(self):
        answer = self.server.answer
        self.server.answer = lambda request: support.CLOSE if request[0] == "move" else answer(request)
        self.assertIn("closed the connection", self.script("right", code=1))


class CommandLine(unittest.TestCase):
    def test_help_has_examples(self):
        text = run("--help")
        self.assertIn('--script "right*3 down say:hello look"', text)

    def test_nobody_listens(self):
        text = run("127.0.0.1:1", "--name", "Anna", "--password", "x", "--script", "look", code=1)
        self.assertIn("no connection to 127.0.0.1:1", text)
        self.assertNotIn("Traceback", text)

    def test_addresses(self):
        self.assertIn("neither HOST, PORT nor HOST:PORT", run("a:b:c", code=1))
        for where in (["1"], [":1"], ["127.0.0.1:1"], ["127.0.0.1", "1"], ["[127.0.0.1]:1"]):
            self.assertIn("no connection to 127.0.0.1:1:", run(*where, "--upgrade", "x", code=1))
        self.assertIn("no connection to ::1:1:", run("::1", "1", "--upgrade", "x", code=1))


@unittest.skipIf(sys.platform == "win32", "needs a pseudo-terminal")
class Screen(unittest.TestCase):
    """The game on a terminal of 100 by 32."""

    def setUp(self):
        import pty

        self.meadow = MeadowServer()
        self.server = FakeServer(self.meadow.answer)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.master, slave = pty.openpty()
        command = [sys.executable, str(support.TERMINAL), "%s:%d" % self.server.address, "--name", "Anna", "--password", "secret"]
        # Whoever was started in the background ignores Ctrl-C, and so would all that it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=ENVIRONMENT, start_new_session=True)
        os.close(slave)
        self.addCleanup(self.end)
        self.output = b""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.output += data

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(support.DEADLINE)
        os.close(self.master)

    def sees(self, text):
        until(lambda: text.encode() in self.output, "%r on the screen" % text)

    def moves(self):
        return [request[1] for request in self.server.requests if request[0] == "move"]

    def press(self, keys):
        os.write(self.master, keys)

    def test_a_short_game(self):
        self.sees("Nele: I count you, too.")
        self.sees("Ilse the shepherd")
        for key, offset in ((b"l", (1, 0, 0)), (b"\x1bOB", (0, 1, 0)), (b"w", (0, -1, 0)), (b"d", (1, 0, 0))):
            count = len(self.moves())
            self.press(key)
            until(lambda: len(self.moves()) > count, "a step")
            self.assertEqual(self.moves()[-1], offset)
        self.press(b"thello there\n")
        until(lambda: self.meadow.say == "hello there", "what was said")
        self.sees("Anna: hello there")
        self.press(b"q")
        self.assertEqual(self.process.wait(support.DEADLINE), 0)

    def test_ctrl_c_gives_the_terminal_back(self):
        self.sees("Nele")
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(support.DEADLINE), 130)
        # The last thing that curses does: it leaves the other screen.
        until(lambda: re.search(rb"\x1b\[\?1049l", self.output), "the end of the other screen")
        self.assertNotIn(b"Traceback", self.output)


if __name__ == "__main__":
    unittest.main()
