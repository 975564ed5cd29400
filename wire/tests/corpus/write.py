# -*- coding: utf-8 -*-
"""Prints pickles of this Python: a line for each value and protocol, as `name hexadecimal`.

pickles.txt is what all Pythons print, each line once:

    for python in python2.7 python3.6 python3.13; do $python write.py; done | sort -u > pickles.txt
"""
import binascii
import pickle
import sys

PICKLERS = [pickle]
if sys.version_info[0] == 2:
    import cPickle
    PICKLERS.append(cPickle)
else:
    PICKLERS.append(type("Slow", (), {"dumps": staticmethod(pickle._dumps), "HIGHEST_PROTOCOL": pickle.HIGHEST_PROTOCOL}))

shared = [u"shared", (1, 2)]
deep = []
for _ in range(20):
    deep = [deep, (deep,)][:1]

VALUES = {
    "none": None,
    "true": True,
    "false": False,
    "floats": [0.0, -0.0, 1.5, -1e300, 5e-324, float("inf"), float("-inf"), 0.1],
    "integers": [0, 1, 255, 256, 65535, 65536, -1, -128, -129, 2147483647, -2147483648, 2147483648, -2147483649],
    "long-integers": [2 ** 63 - 1, -2 ** 63, 2 ** 63, -2 ** 63 - 1, 2 ** 64, 10 ** 100, -10 ** 100],
    "text": [u"", u"move", u"it's", u'say "hi"', u"back\\slash", u"two\nlines", u"\x00\x7f"],
    "text-beyond-ascii": [u"J\xf6rg", u"\u540d\u524d", u"\U0001f600", u"\xff\u0100\uffff"],
    "long-text": u"x" * 300,
    "bytes-that-are-no-text": [b"\xff\xfe\x00", b"\x80" * 300, b"'\xff\"\n\\"],
    "bytearrays": [bytearray(), bytearray(b"\x00\xffab"), bytearray(b"z" * 300)],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((),), (((1,),),)],
    "lists": [[], [1], [[], [[]]], list(range(50))],
    "list-of-many": [None] * 2500,
    "dict": {u"pos": (1.5, -2.0, 0)},
    "dict-of-numbers": {7: [u"seven"]},
    "dict-empty": {},
    "sets": [set(), set([1]), frozenset(), frozenset([u"one"])],
    "shared": [shared, shared, (shared, shared)],
    "deep": deep,
    "ver": [u"ver"],
    "upgrade": [u"upgrade"],
    "update": [u"update"],
    "login": [u"login", u"Anna", u"secret"],
    "new": [u"new", u"J\xf6rg", u"pass w\xf6rd"],
    "move": [u"move", (1, 0, 0)],
    "move-by-floats": [u"move", (0.25, -1.0, 0)],
    "get": [u"get", u"Anna", u"gold"],
    "set": [u"set", u"Anna", u"bag", {u"apples": [1, 2, (3, None)]}],
    "set-relative": [u"set", u"Anna", u"gold", (-5,)],
    "edit-tile": [u"edit", [u"tile", [u"meadow", u"Ground", 3, 4, 2147483649]]],
    "edit-spawn": [u"edit", [u"spawn", [u"Owl", (1.5, 2.5, 0), {u"visual": u"owl"}, u"guard"]]],
    "edit-kick": [u"edit", [u"kick", [u"Bert"]]],
}


def as_python2_writes_it(value):
    """The same with text as byte strings, as most Python 2 programs have it."""
    if isinstance(value, type(u"")):
        return value.encode("utf-8")
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(as_python2_writes_it(item) for item in value)
    if isinstance(value, dict):
        return dict((as_python2_writes_it(key), as_python2_writes_it(item)) for key, item in value.items())
    return value


lines = set()
for name, value in VALUES.items():
    forms = [value]
    if sys.version_info[0] == 2 and name != "shared":
        forms.append(as_python2_writes_it(value))
    for form in forms:
        for pickler in PICKLERS:
            for protocol in range(pickler.HIGHEST_PROTOCOL + 1):
                data = pickler.dumps(form, protocol)
                lines.add(name + " " + binascii.hexlify(data).decode("ascii"))
for line in sorted(lines):
    print(line)
