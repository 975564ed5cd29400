"""Docker's daemon: the one that runs, or one of our own, which leaves nothing behind."""

import grp
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from .shell import Failed, as_root, run
from .tools import CannotRun, find

#: How long a daemon may take to answer, and to end with all that it started, in seconds.
_STARTED_SECONDS_MAX = 60.0
_ENDED_SECONDS_MAX = 60.0


class Daemon:
    """With `with`: somebody answers. What was started for that is stopped in the end, and all that it kept is removed."""

    def __init__(self, folder: Path, environment: Mapping[str, str]):
        self.environment = dict(environment)
        self._folder = folder / "dockerd"
        self._process: subprocess.Popen[bytes] | None = None
        self._had_bridge = _has_bridge()

    @property
    def is_ours(self) -> bool:
        return self._process is not None

    def __enter__(self) -> "Daemon":
        if self._answers():
            return self
        program = find("dockerd")
        assert program is not None
        print("starting dockerd", flush=True)
        self._folder.mkdir()
        socket = "unix://%s" % (self._folder / "socket")
        command = [program, "--host", socket, "--data-root", self._folder / "data", "--exec-root", self._folder / "run"]
        command += ["--pidfile", self._folder / "pid", "--group", grp.getgrgid(os.getgid()).gr_name]
        with open(self._folder / "log", "w") as log:
            self._process = subprocess.Popen(as_root(*command), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        self.environment["DOCKER_HOST"] = socket
        end = time.monotonic() + _STARTED_SECONDS_MAX
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                said = (self._folder / "log").read_text(errors="replace").splitlines()[-15:]
                self.__exit__()
                raise CannotRun("dockerd does not run here:\n" + "\n".join(said))
            time.sleep(0.2)
        return self

    def __exit__(self, *_) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            pid = (self._folder / "pid").read_text().strip() if (self._folder / "pid").exists() else str(self._process.pid)
            subprocess.run(as_root("kill", pid))
            try:
                self._process.wait(_ENDED_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                print("dockerd does not end; its process is %s" % pid, flush=True)
                return
        self._process = None
        subprocess.run(as_root("rm", "-rf", self._folder))
        if not self._had_bridge and _has_bridge() and shutil.which("ip"):
            subprocess.run(as_root("ip", "link", "delete", "docker0"), capture_output=True)

    def _answers(self) -> bool:
        try:
            run("docker", "version", "--format", "{{.Server.Version}}", environment=self.environment)
            return True
        except Failed:
            return False


def _has_bridge() -> bool:
    return os.path.exists("/sys/class/net/docker0")
