"""The command: which steps, with how many bots, and what came of them."""

import argparse
import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from . import example, observe
from .daemon import Daemon
from .images import STAND_INS, Images, look_at_context
from .play import Figures, play
from .shell import Failed
from .stack import Stack
from .tools import CannotRun, install, provide_compose

_REPOSITORY = Path(__file__).resolve().parents[2]

_EXAMPLES = """examples:
  tests/compose/run                                     everything, with the program that tests/run builds
  tests/compose/run --ci                                the same in less time: fewer bots, no backup
  tests/compose/run --binary target/release/pymmorpg --figures
                                                        300 bots and the figures that deploy/README.md has: sizes, times

The image is built by deploy/Dockerfile, but for its own stage that compiles: PYMMORPG_BINARY, or --binary, is what it would have made.
That stage, and the images of Grafana, Jaeger and the OpenTelemetry Collector, are not tested here; the configuration of those three is
checked for form only.

Where there is no Docker, it is installed from Debian's packages (docker.io, debootstrap, and Compose v2 of Debian 13), and a daemon is
started that leaves nothing behind. No registry is asked: where there is no image of PostgreSQL, Redis, HAProxy or Prometheus under the name
in the compose file, one is built from Debian's packages. A daemon that runs already is used: what is made there has a project and names of
its own, and is removed in the end, but for the builder's cache.

Exit code 0: all is well; 1: something is not, and the logs are printed; 2: it could not be run.
"""


def main() -> int:
    arguments = _parser().parse_args()
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    print("seed %d" % seed, flush=True)
    # Whoever stops us stops what we have started too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="compose-"))
    steps = Steps()
    try:
        _run(arguments, folder, random.Random(seed), steps)
    except CannotRun as error:
        print("cannot run: %s" % error, file=sys.stderr)
        return 2
    print("\n%d passed, %d failed" % (steps.passed_count, steps.failed_count), flush=True)
    if steps.failed_count:
        print("NOT CLEAN; seed %d; logs in %s" % (seed, folder), file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests/compose/run",
        description="Brings deploy/docker-compose.yml up, plays by its one port with bots that keep a ledger, scales it, hurts it and upgrades it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--binary", type=Path, metavar="FILE", help="the program `pymmorpg` [PYMMORPG_BINARY, or target/debug/pymmorpg]")
    parser.add_argument("--bots", type=int, metavar="N", help="how many play [60; 24 with --ci, 300 with --figures]")
    parser.add_argument("--seed", type=int, metavar="S", help="picks victims, moments and what bots do [any; it is printed first]")
    parser.add_argument("--keep-images", action="store_true", help="leave the stand-ins of others' images where they are, for the next time")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--ci", action="store_true", help="in about four minutes")
    kind.add_argument("--figures", action="store_true", help="calm bots, and bars for what is measured")
    return parser


class Steps:
    """Counts what was tried, as tests are counted."""

    def __init__(self) -> None:
        self.passed_count = self.failed_count = 0

    def take(self, name: str, step: Callable[[], str]) -> bool:
        """One step, and a line for it: what it says of itself, or why it failed."""
        begin = time.monotonic()
        try:
            said = step()
        except AssertionError as error:
            self.failed(name, str(error))
            return False
        self.passed(name, "%s (%.1f s)" % (said, time.monotonic() - begin))
        return True

    def passed(self, name: str, said: str) -> None:
        self.passed_count += 1
        print("ok      %s: %s" % (name, said), flush=True)

    def failed(self, name: str, said: str) -> None:
        self.failed_count += 1
        print("FAILED  %s: %s" % (name, said), flush=True)


def _run(arguments: argparse.Namespace, folder: Path, chance: random.Random, steps: Steps) -> None:
    binary = arguments.binary or Path(os.environ.get("PYMMORPG_BINARY", _REPOSITORY / "target/debug/pymmorpg"))
    if not binary.is_file():
        raise CannotRun("%s: there is no such program; `cargo build` makes it, --binary names another" % binary)
    install()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYMMORPG_", "OTEL_", "COMPOSE_"))}
    with Daemon(folder, provide_compose(folder, environment)) as daemon:
        images = Images(daemon.environment, "pymmorpg-test-%d" % os.getpid())
        try:
            _take_steps(arguments, binary, folder, daemon.environment, images, chance, steps)
        finally:
            kept = {"debian:bookworm-slim", *STAND_INS.values()} if arguments.keep_images else set()
            images.made = [image for image in images.made if image not in kept]
            images.remove()


def _take_steps(
    arguments: argparse.Namespace, binary: Path, folder: Path, environment: Mapping[str, str], images: Images, chance: random.Random, steps: Steps
) -> None:
    try:
        begin = time.monotonic()
        is_base_made = images.make_base()
        made = images.make_stand_ins(list(STAND_INS))
        print("made here: %s (%.1f s)" % (", ".join([*["debian"] * is_base_made, *made]) or "nothing", time.monotonic() - begin), flush=True)
    except Failed as error:
        raise CannotRun("there are no images, and they cannot be made: %s" % error) from error
    figures = Figures.of(arguments)
    stack: Stack | None = None
    try:
        ours: list[str] = []

        def build() -> str:
            ours.append(images.make_ours(binary))
            size = images.bytes_of_ours(ours[0]) / 1e6
            assert figures.image_megabytes_max is None or size <= figures.image_megabytes_max, "our layers have %.1f MB" % size
            return "our layers have %.1f MB" % size

        steps.take("image", build)
        if not ours:
            return
        stack = Stack(environment, images.prefix, ours[0], folder)
        if not steps.take("example", lambda: example.play(stack)):
            return
        steps.take("commands", lambda: example.command(stack))
        steps.take("down and up", lambda: example.come_back(stack))
        if not arguments.ci:
            steps.take("backup", lambda: example.bring_back(stack))
        asyncio.run(play(stack, images, figures, chance, steps))
        # One was killed.
        steps.take("status", lambda: example.status(stack, "zone-server .* has died"))
        steps.take("prometheus", lambda: observe.look_at_prometheus(stack))
        steps.take("confinement", lambda: example.look_at_confinement(stack))
        steps.take("forms", lambda: observe.look_at_forms(stack))
        steps.take("context", look_at_context)
    finally:
        if stack is not None:
            if steps.failed_count or sys.exc_info()[0]:
                _print_logs(stack)
            stack.down()


#: So much of the logs is printed.
_PRINTED_LINES_MAX = 200


def _print_logs(stack: Stack) -> None:
    print("\n-- containers")
    try:
        print(stack.compose("ps", "--all"))
    except AssertionError as error:
        print(error)
    lines = stack.log_text().splitlines()
    print("-- the last of %d lines of their logs, in %s\n%s" % (len(lines), stack.log, "\n".join(lines[-_PRINTED_LINES_MAX:])), flush=True)
