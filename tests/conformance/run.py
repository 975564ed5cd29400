#!/usr/bin/env python3
"""Runs conform.py under every Python there is, prints the matrix, and fails unless all of it is green.

Fails as well if fewer than two interpreters ran, or none of them was Python 3: a matrix of one proves nothing.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import raw, yard  # noqa: E402
from harness.server import Server  # noqa: E402

#: Pythons looked for on the PATH.
_NAMES = ["python2", "python2.7", "python3", "python"] + ["python3.%d" % minor for minor in range(6, 20)]

#: One interpreter's whole run; the slowest takes a tenth of it.
_SECONDS_MAX = 300


def interpreters():
    """One path for each version of Python found: pyenv's, then the PATH's."""
    candidates = []
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        candidates += sorted(Path(root, "versions").glob("*/bin/python"))
    candidates += [shutil.which(name) for name in _NAMES]
    found = {}
    for candidate in filter(None, candidates):
        # isolated of the environment, so that no site package changes what is measured
        ask = [str(candidate), "-E", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]
        done = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        version = done.stdout.strip()
        if done.returncode == 0 and re.match(r"2\.7\.|3\.([6-9]|\d\d)\.", version):
            found.setdefault(version, str(candidate))
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def run_one(version, path, port):
    """What conform.py says under one interpreter."""
    command = [path, "-E", str(HERE / "conform.py"), str(port), "Referee", "whistle", version]
    environment = dict(os.environ, PYTHONIOENCODING="utf-8", PYTHONDONTWRITEBYTECODE="1")
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_SECONDS_MAX, env=environment)
        return json.loads(done.stdout.decode("utf-8").strip().splitlines()[-1])["results"]
    except (ValueError, KeyError, IndexError):
        failure = "printed no result: " + done.stdout.decode("utf-8", "replace")[-2000:]
    except subprocess.TimeoutExpired:
        failure = "did not end within %d s" % _SECONDS_MAX
    return [{"pickler": "C", "protocol": 0, "checks": 0, "failed": [failure]}]


def print_matrix(results):
    """A row for each interpreter and pickler, a column for each protocol: how many checks held."""
    print("%-10s %-6s%s" % ("Python", "pickle", "".join("%10s" % ("proto %d" % protocol) for protocol in range(6))))
    for version, cells in results.items():
        for kind in ("C", "pure"):
            row = {cell["protocol"]: cell for cell in cells if cell["pickler"] == kind}
            line = "".join("%10s" % _cell(row.get(protocol)) for protocol in range(6))
            print("%-10s %-6s%s" % (version, kind, line))


def _cell(cell):
    if cell is None:
        return "-"
    return "%d FAILED" % len(cell["failed"]) if cell["failed"] else "%d ok" % cell["checks"]


def main():
    pythons = interpreters()
    with tempfile.TemporaryDirectory() as folder, Server(yard.write(Path(folder) / "world"), Path(folder) / "data") as server:
        with server.play("Referee", "whistle"):
            pass
        server.grant("Referee")
        with server.play("Referee", "whistle") as referee:
            raw.until(lambda: referee.ask("edit", ["tile", ["west", "Ground", 14, 2, 2]]), "the grant is noticed")
        # One at a time: they share the game master, and each must see exactly one flag for its own edit.
        results = {version: run_one(version, path, server.address[1]) for version, path in pythons.items()}
    print_matrix(results)
    cells = [(version, cell) for version, cells in results.items() for cell in cells]
    for version, cell in cells:
        for failure in cell["failed"]:
            print("Python %s, %s pickler, protocol %d: %s" % (version, cell["pickler"], cell["protocol"], failure))
    failed = sum(1 for _, cell in cells if cell["failed"])
    if len(pythons) < 2 or not any(version.startswith("3") for version in pythons):
        print("a matrix needs at least two interpreters, found: %s" % (", ".join(pythons) or "none"))
        failed += 1
    checks = sum(cell["checks"] for _, cell in cells)
    print("%d passed, %d failed (%d interpreters, %d checks)" % (len(cells) - failed, failed, len(pythons), checks))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
