"""What our programs themselves say of their environment: they load their settings before they do anything, and refuse what they do not know."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .manifests import Workload, environment, workloads

#: A URL that settings refuse when all else is in order.
_WRONG_URL = "nothing://there"
#: Longest wait for a program that should have ended at once.
_SECONDS_MAX = 10


def problems(documents: list[dict], folder: Path) -> Iterator[str]:
    """`folder` has the programs."""
    for workload in workloads(documents):
        if workload.kind != "Job":
            yield from _try_out(workload, documents, folder)


def _try_out(workload: Workload, documents: list[dict], folder: Path) -> Iterator[str]:
    program = folder / workload.container["command"][0]
    with tempfile.NamedTemporaryFile("w", suffix=".url") as url:
        url.write(_WRONG_URL)
        url.flush()
        variables = {
            name: url.name if name.endswith("_FILE") else value.replace("<field>", "192.0.2.1") for name, value in environment(workload, documents).items()
        }
        try:
            done = subprocess.run([program], env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_SECONDS_MAX, text=True)
        except subprocess.TimeoutExpired:
            yield "%s: %s goes on with a database that is called %s" % (workload.title, program, _WRONG_URL)
            return
    said = done.stdout.strip().splitlines()[-1:] or ["nothing"]
    # The database and Redis are looked at last.
    if done.returncode != 1 or not ("expected postgres://" in said[0] or "expected redis://" in said[0]):
        yield "%s: with this environment %s ends with %d and says: %s" % (workload.title, program.name, done.returncode, said[0])
