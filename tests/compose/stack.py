"""One running copy of deploy/docker-compose.yml, under a project name of its own."""

import json
import re
import resource
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.ports import free_port
from harness.raw import until

from .shell import run

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

#: Longest wait for containers to be what their health checks ask, in seconds.
HEALTHY_SECONDS_MAX = 90.0
#: What the compose file lets a gateway open. A machine that lets nobody open so many lets no container either.
_OPEN_FILES = 65536


class Stack:
    """Compose commands on the project, and Docker's on its containers."""

    def __init__(self, environment: Mapping[str, str], project: str, image: str, folder: Path):
        self.project = project
        self.port = free_port()
        self.folder = folder
        self.log = folder / "containers.log"
        self.environment = {
            **environment,
            "COMPOSE_PROJECT_NAME": project,
            # Settings of whoever has a copy of the cluster in this folder are not what is tested.
            "COMPOSE_DISABLE_ENV_FILE": "1",
            "PYMMORPG_IMAGE": image,
            "PYMMORPG_PORT": str(self.port),
            "PYMMORPG_OPEN_FILES": str(min(_OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])),
        }
        self._logs: subprocess.Popen[bytes] | None = None

    def __str__(self) -> str:
        return self.project

    @property
    def address(self) -> tuple[str, int]:
        """The published port."""
        return ("127.0.0.1", self.port)

    # -- commands

    def compose(self, *arguments: str) -> str:
        return run("docker", "compose", *arguments, environment=self.environment, folder=DEPLOY)

    def docker(self, *arguments: str, given: str | None = None) -> str:
        return run("docker", *arguments, environment=self.environment, given=given)

    def up(self, *arguments: str) -> None:
        """`docker compose up` in the background. What runs already stays as it is, but for how many there are."""
        self.compose("up", "--detach", "--quiet-pull", *arguments)
        self.follow_logs()

    def rolling_upgrade(self, *arguments: str, hears: Callable[[str], None] = print) -> tuple[int, str]:
        """Runs deploy/rolling-upgrade to its end. Each line of it is heard as it comes; returns its exit code and all that it said."""
        command = [str(DEPLOY / "rolling-upgrade"), *arguments]
        said = []
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                hears(line.rstrip())
        return process.returncode, "".join(said)

    def down(self) -> None:
        """Ends and removes everything of the project."""
        self.compose("--profile", "observe", "down", "--volumes", "--remove-orphans", "--timeout", "3")
        if self._logs is not None:
            self._logs.terminate()
            self._logs.wait()
            self._logs = None

    # -- what there is

    def containers(self, service: str, is_running: bool = True) -> list["Container"]:
        """Of a service, the oldest number first."""
        filters = ["label=com.docker.compose.%s=%s" % pair for pair in (("project", self.project), ("service", service), ("oneoff", "False"))]
        filters += ["status=running"] if is_running else []
        flags = [word for one in filters for word in ("--filter", one)]
        lines = self.docker("ps", "--all", "--no-trunc", *flags, "--format", "{{.ID}} {{.Names}}").splitlines()
        found = [Container(self, *line.split()) for line in lines]
        return sorted(found, key=lambda container: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", container.name)])

    def container(self, service: str) -> "Container":
        """The only one of a service."""
        (found,) = self.containers(service)
        return found

    def wait_until_healthy(self, service: str, count: int, deadline: float = HEALTHY_SECONDS_MAX) -> None:
        def is_healthy() -> bool:
            containers = self.containers(service)
            return len(containers) == count and all(container.health() == "healthy" for container in containers)

        until(is_healthy, "%d containers of %s are healthy" % (count, service), deadline, pause=0.25)

    # -- logs

    def follow_logs(self) -> None:
        """Writes what all containers say into a file, also those that come later."""
        if self._logs is not None and self._logs.poll() is None:
            return
        is_first = not self.log.exists()
        command = ["docker", "compose", "logs", "--follow", "--no-color", *([] if is_first else ["--since", "1s"])]
        with open(self.log, "ab") as log:
            self._logs = subprocess.Popen(command, env=self.environment, cwd=DEPLOY, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


class Container:
    """One container; it may be gone."""

    def __init__(self, stack: Stack, id: str, name: str):
        self._stack = stack
        self.id, self.name = id, name

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """Where a zone server in it tells others that it is: a container's host has the beginning of its id as its name."""
        return "http://%s:7800" % self.id[:12]

    def inspect(self) -> dict:
        return json.loads(self._stack.docker("inspect", self.id))[0]

    def health(self) -> str:
        return self._stack.docker("inspect", "--format", "{{with .State.Health}}{{.Status}}{{end}}", self.id).strip()

    def pid(self) -> int:
        """Of its process, as the host has it."""
        return int(self._stack.docker("inspect", "--format", "{{.State.Pid}}", self.id))

    def execute(self, *command: str, given: str | None = None) -> str:
        return self._stack.docker("exec", "--interactive", self.id, *command, given=given)
