"""The client image on disk. Names come from a network, so none is trusted to stay inside the folder."""

import os
import secrets
import stat
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from .errors import UnsafeImage

#: Folders inside folders; deeper than any client is built.
DEPTH_MAX = 32

_SEPARATORS = "/\\:\0"
_WINDOWS_DEVICES = {"con", "prn", "aux", "nul"} | {"%s%d" % (kind, n) for kind in ("com", "lpt") for n in range(1, 10)}


def files(image: Any) -> Dict[str, bytes]:
    """The image as ``{'folder/name': data}``. Raises :class:`UnsafeImage` before anything is used of it."""
    found: Dict[str, bytes] = {}
    for name, data in _walk(image):
        if name in found:
            raise UnsafeImage("%s is there twice" % name)
        found[name] = data
    return found


def write(image: Any, folder: "os.PathLike[str]") -> List[Path]:
    """Writes every file below ``folder`` and returns their paths.

    The whole image is checked first; each file replaces an older one at once, so a reader never sees half of it.
    Files that the image does not name stay as they are.
    """
    root = Path(folder)
    contents = files(image)
    root.mkdir(parents=True, exist_ok=True)
    for name in contents:
        _refuse_links(root, name)
    written = []
    for name, data in contents.items():
        path = root.joinpath(*name.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
        written.append(path)
    return written


def _replace(path: Path, data: bytes) -> None:
    # A name that nobody can guess, made by an open that follows no link.
    part = path.with_name(".%s.part" % secrets.token_hex(8))
    try:
        with open(part, "xb") as file:
            file.write(data)
        os.replace(part, path)
    except BaseException:
        part.unlink()
        raise


def _walk(image: Any) -> Iterator[Tuple[str, bytes]]:
    waiting = [("", image, 0)]
    while waiting:
        prefix, entries, depth = waiting.pop()
        if type(entries) is not list or depth > DEPTH_MAX:
            raise UnsafeImage("%s is no folder of at most %d levels" % (prefix or "the image", DEPTH_MAX))
        for entry in entries:
            if type(entry) is not tuple or len(entry) != 2:
                raise UnsafeImage("an entry of %s is no (name, data)" % (prefix or "the image"))
            name, data = entry
            _check_name(name)
            if type(data) in (bytes, bytearray):
                yield prefix + name, bytes(data)
            else:
                waiting.append((prefix + name + "/", data, depth + 1))


def _check_name(name: Any) -> None:
    if (
        type(name) is not str
        or not name.strip(". ")
        or not name.isprintable()
        or name != name.rstrip(". ")
        or any(separator in name for separator in _SEPARATORS)
        or name.split(".")[0].lower() in _WINDOWS_DEVICES
    ):
        raise UnsafeImage("%r is no name for a file" % (name,))


def _refuse_links(root: Path, name: str) -> None:
    path = root
    for part in name.split("/"):
        path = path / part
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return
        if stat.S_ISLNK(mode):
            raise UnsafeImage("%s is a link" % path)
