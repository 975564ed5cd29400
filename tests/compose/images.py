"""The images: stand-ins for those of others where there are none, and ours."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .shell import as_root, run
from .tools import debian_suite

_FOLDER = Path(__file__).resolve().parent / "images"
_DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
#: What ours is built on.
BASE = "debian:bookworm-slim"
#: By their names in the compose file.
STAND_INS = {
    "postgres": "postgres:15-bookworm",
    "redis": "redis:7-bookworm",
    "haproxy": "haproxy:2.6-bookworm",
    "prometheus": "prom/prometheus:v2.53.4",
}
#: The names of our one program.
_NAMES = ("gateway", "zone-server", "auth")
#: Installing in a container that is thrown away when it fails needs no disk to have it.
_DPKG = "force-unsafe-io\npath-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n"


class Images:
    """Builds what is not there, and knows what has been made, so that it can be removed."""

    def __init__(self, environment: Mapping[str, str], prefix: str):
        self._environment = environment
        self.prefix = prefix
        self.made: list[str] = []

    def docker(self, *arguments: str | Path, given: str | None = None) -> str:
        return run("docker", *arguments, environment=self._environment, given=given)

    def has(self, image: str) -> bool:
        return subprocess.run(["docker", "image", "inspect", image], env=dict(self._environment), capture_output=True).returncode == 0

    def make_base(self) -> bool:
        """A minimal Debian, unless there is one under that name. Returns whether it was made here."""
        if self.has(BASE):
            return False
        with tempfile.TemporaryDirectory(prefix="debian-") as folder:
            root = Path(folder) / "root"
            run(*as_root("debootstrap", "--variant=minbase", debian_suite(), root))
            try:
                run(*as_root("tee", root / "etc/dpkg/dpkg.cfg.d/container"), given=_DPKG)
                run(*as_root("sh", "-c", 'rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*', "sh", root))
                archive = Path(folder) / "root.tar"
                run(*as_root("tar", "-C", root, "-cf", archive, "."))
            finally:
                run(*as_root("rm", "-rf", root))
            self.docker("import", "--change", "CMD bash", archive, BASE)
        self.made.append(BASE)
        return True

    def make_stand_ins(self, names: list[str]) -> list[str]:
        """Those that are not there. Returns which they were."""
        missing = [name for name in names if not self.has(STAND_INS[name])]
        if missing:
            self.docker("compose", "--file", _FOLDER / "compose.yml", "build", "--quiet", *missing)
            self.made += [STAND_INS[name] for name in missing]
        return missing

    def make_ours(self, binary: Path) -> str:
        """Ours, by the Dockerfile, whose own stage that compiles is replaced by a program that is there already. Returns its name."""
        binaries, ours = self.prefix + "-binaries", self.prefix + ":1"
        with tempfile.TemporaryDirectory(prefix="binaries-") as folder:
            root = Path(folder) / "out"
            _lay_out(binary, root)
            archive = Path(folder) / "out.tar"
            run("tar", "-C", folder, "--owner=0", "--group=0", "-cf", archive, "out")
            self.docker("import", archive, binaries)
        self.made.append(binaries)
        environment = {**self._environment, "PYMMORPG_BINARIES": binaries, "PYMMORPG_IMAGE": ours}
        run("docker", "compose", "build", "--quiet", "world", environment=environment, folder=_DEPLOY)
        self.made.append(ours)
        return ours

    def derive(self, image: str, tag: str, *changes: str) -> str:
        """Another image with the same files, of which something else is said. Returns its name."""
        derived = "%s:%s" % (self.prefix, tag)
        container = self.docker("create", image).strip()
        try:
            flags = [word for change in changes for word in ("--change", change)]
            self.docker("commit", *flags, container, derived)
        finally:
            self.docker("rm", container)
        self.made.append(derived)
        return derived

    def bytes_of_ours(self, image: str) -> int:
        """How much ours adds to what it is built on."""
        size, base = (int(self.docker("image", "inspect", "--format", "{{.Size}}", one)) for one in (image, BASE))
        return size - base

    def remove(self) -> None:
        for image in reversed(self.made):
            subprocess.run(["docker", "rmi", "--force", image], env=dict(self._environment), capture_output=True)
        self.made.clear()


def _lay_out(binary: Path, root: Path) -> None:
    """What the Dockerfile's own stage has under /out."""
    programs, certificates = root / "usr/local/bin", root / "etc/ssl/certs"
    programs.mkdir(parents=True)
    certificates.mkdir(parents=True)
    run("strip", "-o", programs / "pymmorpg", binary)
    for name in _NAMES:
        (programs / name).symlink_to("pymmorpg")
    authorities = Path("/etc/ssl/certs/ca-certificates.crt")
    if authorities.exists():
        shutil.copy(authorities, certificates)


def look_at_context() -> str:
    """What the Dockerfile's own stage would be given: every crate of the workspace, or cargo refuses all of them. That stage itself is not built."""
    manifest = (_DEPLOY.parent / "Cargo.toml").read_text()
    listed = re.search(r"^members = \[(.*?)\]", manifest, re.M | re.S)
    assert listed is not None
    members = re.findall(r'"([^"]+)"', listed[1])
    given = {line[1:].strip() for line in (_DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    missing = [member for member in members if member not in given]
    assert not missing, "deploy/Dockerfile.dockerignore leaves out %s" % ", ".join(missing)
    return "%d crates" % len(members)
