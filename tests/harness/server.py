"""The real server as a child process: its ports are its own choice, its output is kept, its warnings are failures."""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

from .raw import DEADLINE, Raw

REPOSITORY = Path(__file__).resolve().parents[2]

#: The binary under test; `tests/run` builds it and says where it lies.
BINARY = os.environ.get("PYMMORPG_BINARY", str(REPOSITORY / "target" / "debug" / "pymmorpg"))

_TROUBLE = re.compile(r'"level":\s*"(WARN|ERROR)"|\b(WARN|ERROR)\b|panicked at')


class Server:
    """`pymmorpg up` on a data folder and a world; `with` stops it and looks through its log. It can be started again."""

    def __init__(self, world, data, environment=None):
        #: The world's folder; None: what was published last.
        self.world = world
        self.data = Path(data)
        self.address = self.admin = None
        self._environment = dict(os.environ, **(environment or {}))
        self._expected = []
        self._log = []
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
            self.check_log()
        else:
            self.kill()
            print("".join(self._log[-200:]))

    def start(self):
        """Starts it and waits until it says that it is ready."""
        self.start_without_waiting()
        if not self._ready.wait(DEADLINE) or self.address is None:
            self.kill()
            raise AssertionError("the server did not become ready:\n" + "".join(self._log))
        return self

    def start_without_waiting(self):
        """Starts it."""
        command = [BINARY, "up", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        command += ["--data", str(self.data)] + (["--world", str(self.world)] if self.world else [])
        # A file takes the log, so that a full pipe can never stop the server.
        self._errors = tempfile.NamedTemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors, env=self._environment, text=True)
        self.address = None
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read_output, args=(self._process.stdout, self._ready), daemon=True)
        self._reader.start()

    def _read_output(self, output, ready):
        for line in output:
            self._log.append(line)
            if not ready.is_set():
                try:
                    told = json.loads(line)
                    self.address, self.admin = _address(told["listen"]), _address(told["admin"])
                    ready.set()
                except (ValueError, KeyError, TypeError):
                    pass
        ready.set()
        output.close()

    def stop(self, with_signal=signal.SIGINT):
        """Asks it to end, as Ctrl-C does, and asserts that it ends well."""
        if self._process is None:
            return
        self._process.send_signal(with_signal)
        self.wait_until_ended()

    def wait_until_ended(self):
        """Asserts that it ends, and well."""
        try:
            code = self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server did not end within %g s:\n%s" % (DEADLINE, "".join(self._log[-50:])))
        self._gather()
        assert code == 0, "the server ended with %d:\n%s" % (code, "".join(self._log[-50:]))

    @property
    def pid(self):
        """Of the process; None when there is none."""
        return self._process.pid if self._process else None

    def kill(self):
        """`kill -9`."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._gather()

    def _gather(self):
        self._reader.join()
        self._errors.seek(0)
        self._log.extend(self._errors.readlines())
        self._errors.close()
        self._process = None

    def expect_log(self, pattern):
        """Allows warnings that match: those that the test itself provokes."""
        self._expected.append(re.compile(pattern))

    def check_log(self):
        """Fails on a warning or an error that no test expected."""
        trouble = [line for line in self._log if _TROUBLE.search(line)]
        trouble = [line for line in trouble if not any(pattern.search(line) for pattern in self._expected)]
        assert not trouble, "unexpected in the server's log:\n" + "".join(trouble[:20])

    def log_text(self):
        """What it has written so far."""
        if self._process is None:
            return "".join(self._log)
        with open(self._errors.name, encoding="utf-8", errors="replace") as errors:
            return "".join(self._log) + errors.read()

    # -- talking to it

    def connect(self, **options):
        """A raw connection."""
        return Raw(self.address, **options)

    def play(self, name, password="secret", **options):
        """A raw connection on which a character is logged in, made if it did not exist."""
        connection = self.connect(**options)
        assert connection.ask("new", name, password) or connection.ask("login", name, password), name
        connection.name, connection.password = name, password
        return connection

    def command(self, *arguments, code=0, given=""):
        """Runs another `pymmorpg` command on the same data folder and returns what it printed."""
        return run_command(*arguments, "--data", str(self.data), code=code, given=given)

    def grant(self, name):
        """Makes a character a game master; it takes up to a second to be noticed."""
        self.command("account", "grant", name, "gm")

    def fetch(self, path):
        """A page of the admin listener: its status and its text."""
        url = "http://%s:%d%s" % (*self.admin, path)
        try:
            with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name):
        """The sum of a metric's samples, whatever their labels; 0 if there are none."""
        status, text = self.fetch("/metrics")
        assert status == 200, text
        samples = re.findall(r"^%s(?:\{.*\})? (\S+)$" % re.escape(name), text, re.M)
        return sum(map(float, samples))


def run_command(*arguments, code=0, given=""):
    """Runs a `pymmorpg` command, gives it something to read, asserts how it ends, and returns what it printed."""
    done = subprocess.run([BINARY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, input=given, timeout=DEADLINE, text=True)
    assert done.returncode == code, "%s ended with %d:\n%s" % (arguments, done.returncode, done.stdout)
    return done.stdout


def _address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)
