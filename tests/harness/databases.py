"""PostgreSQL and Redis as child processes, with everything they keep in a folder of the test's."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from .ports import free_port
from .process import Process
from .raw import DEADLINE, until
from .sql import Sql

#: PostgreSQL refuses to run as root: then this user runs it.
_POSTGRES_USER = "postgres"


class Postgres(Process):
    """A PostgreSQL server with one empty database. It keeps Debian's defaults: what it has answered is on disk."""

    def __init__(self, folder: Path, name: str = "postgres"):
        self.port = free_port()
        self._data = folder / name
        command = [*_as_user(), _postgres_binary("postgres"), "-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        super().__init__(name, folder / "logs" / (name + ".log"), command, dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC"))
        #: As its superuser, not by way of any proxy.
        self.sql = Sql(self.url())

    def url(self, port: int | None = None) -> str:
        """Its URL, or that of the same database by way of a proxy."""
        return "postgres://%s:secret@127.0.0.1:%d/postgres" % (_POSTGRES_USER, port or self.port)

    def create(self) -> None:
        """Makes the folder of a new database."""
        self._fill("initdb", "-D", str(self._data), "-U", _POSTGRES_USER, "-A", "trust", "-E", "UTF8", "--no-sync")

    def _fill(self, *command: str) -> None:
        """Makes the folder, which a program of PostgreSQL's fills."""
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            user = pwd.getpwnam(_POSTGRES_USER)
            os.chown(self._data, user.pw_uid, user.pw_gid)
            _let_in(self._data.parent)
        self._run(*command)

    def _run(self, program: str, *arguments: str) -> None:
        """Runs a program of PostgreSQL's to its end."""
        command = [*_as_user(), _postgres_binary(program), *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment, text=True)
        assert done.returncode == 0, done.stdout

    def wait_until_ready(self) -> None:
        until(self._is_ready, "PostgreSQL takes connections", pause=0.05)

    def _is_ready(self) -> bool:
        assert self.is_running(), "PostgreSQL ended:\n" + self.log_end()
        command = [_postgres_binary("pg_isready"), "-q", "-U", _POSTGRES_USER, "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command).returncode == 0

    def restart(self, is_immediate: bool) -> None:
        """Stops it, rolling back what is under way or as by `kill -9` of all its processes, and starts it again."""
        self.halt(is_immediate)
        self.start()

    def halt(self, is_immediate: bool = False) -> None:
        """Stops it without waiting for its clients."""
        if self.is_running():
            self.send(signal.SIGQUIT if is_immediate else signal.SIGINT)
            self._wait(DEADLINE)


class Standby(Postgres):
    """A server that follows another, which answers no commit before it is here too. It answers nobody before it is promoted."""

    def __init__(self, folder: Path, primary: Postgres):
        super().__init__(folder, "standby")
        self._primary = primary

    def create(self) -> None:
        """Copies the primary, and has it wait for us from then on."""
        source = "host=127.0.0.1 port=%d user=%s application_name=%s" % (self._primary.port, _POSTGRES_USER, self.name)
        self._fill("pg_basebackup", "-d", source, "-D", str(self._data), "-R", "-X", "stream", "-c", "fast")
        with open(self._data / "postgresql.auto.conf", "a", encoding="utf-8") as settings:
            settings.write("primary_conninfo = '%s'\nhot_standby = off\n" % source)
        self._primary.sql.run("ALTER SYSTEM SET synchronous_standby_names = '%s'" % self.name)
        self._primary.sql.run("SELECT pg_reload_conf()")

    def wait_until_ready(self) -> None:
        until(self._is_followed, "the standby follows", pause=0.05)

    def _is_followed(self) -> bool:
        assert self.is_running(), "the standby ended:\n" + self.log_end()
        return self._primary.sql.column("SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'") == ["sync"]

    def promote(self) -> None:
        """Makes it the one that is written to."""
        self._run("pg_ctl", "promote", "-D", str(self._data), "-w", "-t", str(int(DEADLINE)))


class Redis(Process):
    """A Redis server that keeps nothing on disk."""

    def __init__(self, folder: Path):
        self.port = free_port()
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
        super().__init__("redis", folder / "logs" / "redis.log", command)

    def url(self) -> str:
        return "redis://127.0.0.1:%d" % self.port

    def wait_until_ready(self) -> None:
        until(self._is_ready, "Redis takes connections", pause=0.02)

    def _is_ready(self) -> bool:
        assert self.is_running(), "Redis ended:\n" + self.log_end()
        try:
            return self.ask("PING") == "+PONG"
        except OSError:
            return False

    def ask(self, command: str) -> str:
        """One command in Redis's own inline form, and the first line of its answer."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as connection:
            connection.sendall(command.encode() + b"\r\n")
            return connection.makefile().readline().rstrip()


def missing() -> str | None:
    """What is not installed that these need, if anything."""
    if shutil.which("redis-server") is None:
        return "redis-server is not installed"
    if shutil.which("psql") is None or _postgres_folder() is None:
        return "PostgreSQL is not installed"
    return None


def _postgres_folder() -> Path | None:
    """Debian keeps the server out of the PATH; the newest is taken."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return max(folders, key=lambda folder: int(folder.parent.name), default=None)


def _postgres_binary(name: str) -> str:
    folder = _postgres_folder()
    assert folder is not None, missing()
    return str(folder / name)


def _as_user() -> list[str]:
    """What goes before a command so that it does not run as root. It becomes the command: signals reach it."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=" + _POSTGRES_USER, "--regid=" + _POSTGRES_USER, "--clear-groups", "--"]


def _let_in(folder: Path) -> None:
    """Temporary folders are root's alone; whoever goes through them needs to see nothing in them."""
    for part in (folder, *folder.parents):
        if part == Path("/") or part == Path("/tmp"):
            break
        part.chmod(part.stat().st_mode | 0o011)
