"""Commands of others, whose failures say what they said."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

#: No single command takes longer than this on a slow machine: a base system is fetched, a database is installed. In seconds.
COMMAND_SECONDS_MAX = 600.0
#: So much of what a command said is shown when it fails.
_SHOWN_CHARACTERS_MAX = 4000


class Failed(AssertionError):
    """A command ended badly."""


def run(*command: str | Path, environment: Mapping[str, str] | None = None, given: str | None = None, folder: Path | None = None) -> str:
    """Runs a command and returns what it printed on its standard output."""
    words = list(map(str, command))
    try:
        done = subprocess.run(words, env=environment, cwd=folder, input=given, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX)
    except OSError as error:
        raise Failed("%s: %s" % (words[0], error)) from error
    except subprocess.TimeoutExpired as error:
        raise Failed("%s: has not ended after %g s" % (" ".join(words), COMMAND_SECONDS_MAX)) from error
    if done.returncode != 0:
        raise Failed("%s: ended with %d:\n%s" % (" ".join(words), done.returncode, (done.stdout + done.stderr)[-_SHOWN_CHARACTERS_MAX:]))
    return done.stdout


def as_root(*command: str | Path) -> list[str]:
    """The same command by root."""
    return [*([] if os.geteuid() == 0 else ["sudo"]), *map(str, command)]
