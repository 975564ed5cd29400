#!/usr/bin/env python3
"""Runs conform.py under every Python there is, prints the matrix, and fails unless all of it is green.

Fails as well if fewer than two interpreters ran, or none of them was Python 3: a matrix of one proves nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import pythons, raw, yard  # noqa: E402
from harness.server import Server  # noqa: E402

#: One interpreter's whole run; the slowest takes a tenth of it.
_SECONDS_MAX = 300


def run_one(version, path, port):
    """What conform.py says under one interpreter."""
    command = [path, "-E", str(HERE / "conform.py"), str(port), "Referee", "whistle", version.replace(".", "-")]
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
    found = pythons.interpreters()
    with tempfile.TemporaryDirectory() as folder, Server(yard.write(Path(folder) / "world"), Path(folder) / "data") as server:
        with server.play("Referee", "whistle"):
            pass
        server.grant("Referee")
        with server.play("Referee", "whistle") as referee:
            raw.until(lambda: referee.ask("edit", ["tile", ["west", "Ground", 14, 2, 2]]), "the grant is noticed")
        # One at a time: they share the game master, and each must see exactly one flag for its own edit.
        results = {version: run_one(version, path, server.address[1]) for version, path in found.items()}
    print_matrix(results)
    cells = [(version, cell) for version, cells in results.items() for cell in cells]
    for version, cell in cells:
        for failure in cell["failed"]:
            print("Python %s, %s pickler, protocol %d: %s" % (version, cell["pickler"], cell["protocol"], failure))
    failed = sum(1 for _, cell in cells if cell["failed"])
    if len(found) < 2 or not any(version.startswith("3") for version in found):
        print("a matrix needs at least two interpreters, found: %s" % (", ".join(found) or "none"))
        failed += 1
    checks = sum(cell["checks"] for _, cell in cells)
    print("%d passed, %d failed (%d interpreters, %d checks)" % (len(cells) - failed, failed, len(found), checks))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
