#!/usr/bin/env python3
"""Finds every Python that a client may run on. Prints them, the oldest first: version and path."""

import re
import shutil
import subprocess
from pathlib import Path

#: Looked for on the PATH.
_NAMES = ["python2", "python2.7", "python3", "python", "pypy3", "pypy"] + ["python3.%d" % minor for minor in range(6, 20)]


def interpreters():
    """One path for each version of Python from 2.7 on: pyenv's, then the PATH's."""
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


if __name__ == "__main__":
    for version, path in interpreters().items():
        print(version, path)
