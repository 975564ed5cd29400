"""A child process that is started, killed, stopped, continued and started again. All its runs write into one log file."""

import json
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from .raw import DEADLINE, until

_TROUBLE = re.compile(r'"level":\s*"(WARN|ERROR)"|\b(WARN|ERROR)\b|panicked at')


class Process:
    """Whatever runs beside us. A subclass knows when it is ready."""

    def __init__(self, name: str, log: Path, command: Sequence[str], environment: dict[str, str] | None = None):
        self.name = name
        self.log = log
        self.command = list(command)
        self.environment = environment
        self._child: subprocess.Popen[str] | None = None

    def __str__(self) -> str:
        return self.name

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        self.start_without_waiting()
        self.wait_until_ready()

    def start_without_waiting(self) -> None:
        assert self._child is None, "%s runs already" % self
        # A file takes the log, so that a full pipe can never stop it.
        with open(self.log, "a", encoding="utf-8") as log:
            self._child = subprocess.Popen(self.command, stdout=self._output(log), stderr=log, env=self.environment, text=True)

    def _output(self, log):
        """Where its standard output goes."""
        return log

    def wait_until_ready(self) -> None:
        raise NotImplementedError

    @property
    def pid(self) -> int | None:
        """None when it does not run."""
        return self._child.pid if self._child else None

    def is_running(self) -> bool:
        """Also while it is stopped by a signal."""
        return self._child is not None and self._child.poll() is None

    def exit_code(self) -> int | None:
        """How it ended by itself; None while it runs."""
        return self._child.poll() if self._child else None

    def send(self, number: signal.Signals) -> None:
        assert self._child is not None, "%s does not run" % self
        self._child.send_signal(number)

    def kill(self) -> None:
        """`kill -9`, if it runs."""
        if self._child is not None:
            self._child.kill()
            self._wait()

    def stop(self, number: signal.Signals = signal.SIGTERM, deadline: float = DEADLINE) -> None:
        """Asks it to end, if it runs, and asserts that it ends well."""
        if self._child is not None:
            self._child.send_signal(number)
            self.wait_until_ended(deadline)

    def wait_until_ended(self, deadline: float = DEADLINE) -> None:
        """Asserts that it ends, and well."""
        try:
            code = self._wait(deadline)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("%s did not end within %g s:\n%s" % (self, deadline, self.log_end())) from None
        assert code == 0, "%s ended with %d:\n%s" % (self, code, self.log_end())

    def _wait(self, deadline: float | None = None) -> int:
        assert self._child is not None
        code = self._child.wait(deadline)
        self._child = None
        return code

    def log_text(self) -> str:
        """What it has written so far, in all its runs."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def log_end(self, line_count: int = 30) -> str:
        return "".join(self.log_text().splitlines(True)[-line_count:])

    def trouble(self) -> list[str]:
        """Its warnings, errors and panics."""
        return [line for line in self.log_text().splitlines() if _TROUBLE.search(line)]


class Program(Process):
    """One of our own: it prints a line of JSON when it is ready, and has an admin listener that says so too."""

    def __init__(self, name: str, log: Path, command: Sequence[str], environment: dict[str, str] | None = None):
        super().__init__(name, log, command, environment)
        #: What it said when it became ready.
        self.told: dict[str, str] = {}
        self._ready = threading.Event()

    def _output(self, log):
        return subprocess.PIPE

    def start_without_waiting(self) -> None:
        super().start_without_waiting()
        assert self._child is not None
        self.told, self._ready = {}, threading.Event()
        threading.Thread(target=self._read, args=(self._child.stdout, self._ready), daemon=True).start()

    def _read(self, output, ready: threading.Event) -> None:
        with output:
            for line in output:
                if not ready.is_set():
                    try:
                        self.told = json.loads(line)
                        ready.set()
                    except ValueError:
                        pass
        ready.set()

    def wait_until_ready(self, deadline: float = DEADLINE) -> None:
        if not self._ready.wait(deadline) or not self.told:
            self.kill()
            raise AssertionError("%s did not become ready:\n%s" % (self, self.log_end()))
        until(lambda: self.fetch("/readyz")[0] == 200, "%s is ready" % self, deadline)

    @property
    def admin(self) -> str:
        """Where its admin listener is: host and port."""
        return self.told["admin"]

    def fetch(self, path: str) -> tuple[int, str]:
        """A page of the admin listener: its status and its text."""
        try:
            with urllib.request.urlopen("http://%s%s" % (self.admin, path), timeout=DEADLINE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        """The sum of a metric's samples, whatever their labels; 0 if there are none."""
        status, text = self.fetch("/metrics")
        assert status == 200, text
        return sum(map(float, re.findall(r"^%s(?:\{.*\})? (\S+)$" % re.escape(name), text, re.M)))
