#!/usr/bin/env python3
"""Packs the package and examples/terminal.py into one file that any Python 3.8 or later runs: the meadow's client.

Run it after a change of either, and raise the meadow's client/VERSION when players are to get the new one. Without
--check it writes the file; with it, it only says whether the file is up to date.
"""

import argparse
import io
import sys
import zipfile
from pathlib import Path
from typing import Dict

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent.parent / "examples" / "meadow" / "client" / "play.pyz"

#: The same for every member, so that the same sources give the same file.
TIME = (1980, 1, 1, 0, 0, 0)


def members() -> Dict[str, bytes]:
    """What belongs in the file, by its name there."""
    found = {"__main__.py": (HERE / "examples" / "terminal.py").read_bytes()}
    for path in sorted((HERE / "src" / "pymmorpg").glob("*.py")):
        found["pymmorpg/" + path.name] = path.read_bytes()
    return found


def packed(contents: Dict[str, bytes]) -> bytes:
    """A zip file that Python runs (see the standard library's zipapp)."""
    data = io.BytesIO(b"#!/usr/bin/env python3\n")
    data.seek(0, io.SEEK_END)
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return data.getvalue()


def is_up_to_date() -> bool:
    """Whether the file holds what it should: compared by content, as compression differs among Pythons."""
    if not TARGET.is_file():
        return False
    with zipfile.ZipFile(TARGET) as archive:
        return {name: archive.read(name) for name in archive.namelist()} == members()


def main() -> None:
    """Writes or checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the file is not up to date")
    if not parser.parse_args().check:
        TARGET.write_bytes(packed(members()))
        print(TARGET)
    elif not is_up_to_date():
        sys.exit("%s is not up to date: run %s" % (TARGET, Path(__file__).name))


if __name__ == "__main__":
    main()
