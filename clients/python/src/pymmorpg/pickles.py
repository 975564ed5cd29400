"""Pickles as data: what is sent is plain, and of what is received nothing is ever imported or called.

``pickle.loads`` on bytes from a network runs whatever their sender likes. This reads them with the standard
unpickler, whose only door to code, ``find_class``, opens for five shapes that Python itself writes for data which the
protocol in use has no opcode for. Everything else is refused.
"""

import io
import pickle
from typing import Any, Callable, Dict, FrozenSet, Iterator, Set, Tuple

from .errors import ProtocolError, Unsendable

#: Every Python that this package runs on has it, and it has opcodes for all that travels but ``bytearray``.
PROTOCOL = 4

_PLAIN = (type(None), bool, int, float, str, bytes, bytearray)
_GROUPS = (list, tuple, set, frozenset)


def dumps(value: Any) -> bytes:
    """Pickles data.

    Raises :class:`Unsendable` for anything else, subclasses of the plain types included: they would travel as classes.
    """
    for other in _others(value):
        raise Unsendable("%s is not data that travels: %r" % (type(other).__name__, other))
    return pickle.dumps(value, PROTOCOL)


def loads(data: bytes) -> Any:
    """Unpickles data; raises :class:`ProtocolError` for anything else."""
    unpickler = _Unpickler(io.BytesIO(data))
    try:
        value = unpickler.load()
    except ProtocolError:
        raise
    except Exception as error:  # The unpickler raises whatever a malformed pickle makes it trip over.
        raise ProtocolError("the payload cannot be unpickled: %s" % error) from error
    if unpickler.has_shapes:
        # A shape that was asked for and not called is still in there.
        for _ in _others(value):
            raise ProtocolError("a pickle that holds what is no data")
    return value


def _others(value: Any) -> Iterator[Any]:
    """Whatever in a value is not data."""
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if type(one) in _PLAIN:
            continue
        if id(one) in seen:
            continue
        seen.add(id(one))
        if type(one) in _GROUPS:
            waiting.extend(one)
        elif type(one) is dict:
            waiting.extend(one.keys())
            waiting.extend(one.values())
        else:
            yield one


class _Shape:
    """Stands where a pickle names a callable. Without a ``__dict__``, so that a BUILD opcode has nothing to write to."""

    __slots__ = ("_make",)
    _make: Callable[..., Any]

    def __init__(self, make: Callable[..., Any]) -> None:
        object.__setattr__(self, "_make", make)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a shape is not to be changed")

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)


def _encode(text: str, encoding: str) -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise ProtocolError("a call of _codecs.encode that Python does not write")
    return text.encode("latin-1")


def _bytes() -> bytes:
    return b""


def _bytearray(source: Any = b"", encoding: Any = None) -> bytearray:
    if type(source) is bytes and encoding is None:
        return bytearray(source)
    if type(source) is str and encoding in ("latin1", "latin-1"):
        return bytearray(source, "latin-1")
    raise ProtocolError("a call of bytearray that Python does not write")


def _set(members: Any) -> Set[Any]:
    if type(members) is not list:
        raise ProtocolError("a call of set that Python does not write")
    return set(members)


def _frozenset(members: Any) -> FrozenSet[Any]:
    return frozenset(_set(members))


_SHAPES: Dict[Tuple[str, str], _Shape] = {("_codecs", "encode"): _Shape(_encode)}
for _module in ("builtins", "__builtin__"):
    for _name, _make in (("bytes", _bytes), ("bytearray", _bytearray), ("set", _set), ("frozenset", _frozenset)):
        _SHAPES[_module, _name] = _Shape(_make)


class _Unpickler(pickle.Unpickler):
    has_shapes = False

    def find_class(self, module: str, name: str) -> Any:
        self.has_shapes = True
        try:
            return _SHAPES[module, name]
        except KeyError:
            raise ProtocolError("a pickle that asks for %s.%s" % (module, name)) from None
