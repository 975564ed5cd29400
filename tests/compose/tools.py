"""What the test needs of the machine: Docker, Compose, debootstrap. What is missing is installed, or said to be missing."""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .shell import Failed, as_root, run

#: Compose v2 is no package of Debian 12's. These two are programs that need nothing else, so those of Debian 13 run there too.
_COMPOSE_SUITE = "trixie"
_COMPOSE_PACKAGE = "docker-compose"
_PLUGIN = "usr/libexec/docker/cli-plugins/docker-compose"


class CannotRun(Exception):
    """The machine lacks something, and it could not be had."""


def install() -> None:
    """Docker and debootstrap, unless they are there."""
    wanted = {"docker": ["docker.io", "iptables"], "dockerd": ["docker.io", "iptables"], "debootstrap": ["debootstrap"]}
    packages = sorted({package for command, packages in wanted.items() if not find(command) for package in packages})
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise CannotRun("%s: not installed, and there is no apt-get to install them with" % ", ".join(packages))
    print("installing %s" % " ".join(packages), flush=True)
    try:
        run(*as_root("apt-get", "update", "-qq"))
        run(*as_root("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages))
    except Failed as error:
        raise CannotRun("cannot install %s: %s" % (" ".join(packages), error)) from error


def find(command: str) -> str | None:
    """Where a command is; root's have folders that are not in everybody's path."""
    return shutil.which(command, path=os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin")


def provide_compose(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Makes certain that there is a `docker compose`. Returns the environment in which there is: with another folder for Docker's plug-ins if need be."""
    found = dict(environment)
    if _has_compose(found):
        return found
    print("fetching Compose v2 from Debian's %s" % _COMPOSE_SUITE, flush=True)
    plugins = folder / "docker" / "cli-plugins"
    plugins.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="compose-") as scratch:
        try:
            shutil.copy(_fetch_compose(Path(scratch)), plugins)
        except Failed as error:
            raise CannotRun("cannot have Compose v2 from Debian's %s: %s" % (_COMPOSE_SUITE, error)) from error
    found["DOCKER_CONFIG"] = str(plugins.parent)
    if not _has_compose(found):
        raise CannotRun("Compose v2 does not run as a plug-in of `docker` here")
    return found


def _has_compose(environment: Mapping[str, str]) -> bool:
    done = subprocess.run(["docker", "compose", "version", "--short"], env=dict(environment), capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.strip().lstrip("v").startswith(("2.", "3.", "4.", "5."))


def _fetch_compose(scratch: Path) -> Path:
    """With lists of packages of its own: those of the machine stay as they are."""
    for part in ("lists/partial", "cache/archives/partial"):
        (scratch / part).mkdir(parents=True)
    source = scratch / "sources.list"
    source.write_text("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian %s main\n" % _COMPOSE_SUITE)
    options = {
        "Dir::Etc::sourcelist": source,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": scratch / "lists",
        "Dir::Cache": scratch / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    flags = [word for name, value in options.items() for word in ("-o", "%s=%s" % (name, value))]
    run("apt-get", *flags, "update", "-qq")
    run("apt-get", *flags, "download", "-qq", _COMPOSE_PACKAGE, folder=scratch)
    (package,) = scratch.glob("*.deb")
    run("dpkg-deb", "-x", package, scratch / "package")
    return scratch / "package" / _PLUGIN


def debian_suite() -> str:
    """The release of Debian that runs here, on which binaries that were built here run; that of the images otherwise."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "bookworm"
    return release.get("VERSION_CODENAME", "bookworm") if release.get("ID") == "debian" else "bookworm"
