# -*- coding: utf-8 -*-
"""Every request of the protocol as this Python must see it, with every pickle protocol that it has.

Runs on Python 2.7 and 3 alike, with nothing but the standard library, against a server that serves the yard. Usage:
conform.py PORT GAME_MASTER PASSWORD TAG. Prints one JSON object: for each protocol how many checks there were and
which failed.
"""

from __future__ import print_function, unicode_literals

import contextlib
import json
import os
import pickle
import socket
import struct
import sys
import tempfile
import time
import traceback

PYTHON2 = sys.version_info[0] == 2
text_type = type("")  # unicode in Python 2
native = str  # what the Python calls str: bytes in 2, text in 3
DEADLINE = 20.0

if PYTHON2:
    import cPickle

    integers = (int, long)  # noqa: F821 (Python 2)
    picklers = [("C", cPickle.dumps, cPickle.loads), ("pure", pickle.dumps, pickle.loads)]
else:
    integers = (int,)

    def pure_dumps(value, protocol):
        return pickle._dumps(value, protocol)

    def pure_loads(data):
        return pickle._loads(data)

    picklers = [("C", pickle.dumps, pickle.loads), ("pure", pure_dumps, pure_loads)]

PROTOCOLS = list(range(pickle.HIGHEST_PROTOCOL + 1))


class Checks(object):
    """Counts what held, and keeps what did not."""

    def __init__(self):
        self.count = 0
        self.failed = []

    def same(self, what, got, wanted):
        self.count += 1
        if not alike(got, wanted):
            self.failed.append("%s: got %s %r, wanted %s %r" % (what, type(got).__name__, got, type(wanted).__name__, wanted))

    def true(self, what, holds):
        self.count += 1
        if not holds:
            self.failed.append(what)


def alike(got, wanted):
    """Equal in value and in type, all the way down; Python 2's int and long are one."""
    if isinstance(wanted, bool) or isinstance(got, bool) or wanted is None:
        return got is wanted
    if isinstance(wanted, integers):
        return isinstance(got, integers) and got == wanted
    if type(got) is not type(wanted):
        return False
    if isinstance(wanted, float):
        return struct.pack(">d", got) == struct.pack(">d", wanted) or (got != got and wanted != wanted)
    if isinstance(wanted, (list, tuple)):
        return len(got) == len(wanted) and all(alike(one, other) for one, other in zip(got, wanted))
    if isinstance(wanted, dict):
        return len(got) == len(wanted) and all(
            any(alike(key, other) and alike(value, got[other]) for other in got) for key, value in wanted.items()
        )
    return got == wanted


def seen(value):
    """A value as this Python must see it come back: in Python 2, ASCII text is a `str` and other text unicode."""
    if not PYTHON2:
        return value
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            return value
    if isinstance(value, text_type):
        return value.encode("ascii") if all(ord(letter) < 128 for letter in value) else value
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(seen(one) for one in value)
    if isinstance(value, dict):
        return dict((seen(key), seen(one)) for key, one in value.items())
    return value


class Connection(object):
    """Frames and pickles of one kind."""

    def __init__(self, port, protocol, dumps, loads):
        self.protocol, self.dumps, self.loads = protocol, dumps, loads
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.last = b""

    def close(self):
        self.socket.close()

    def frame(self, request):
        data = self.dumps(request, self.protocol)
        return str(len(data)).encode("ascii") + b" " + data

    def send(self, data):
        self.socket.sendall(data)

    def reply(self, deadline=DEADLINE):
        """The next reply as a whole; None if the connection was closed."""
        self.socket.settimeout(deadline)
        while True:
            size, space, rest = self.buffer.partition(b" ")
            if space and len(rest) >= int(size):
                self.last, self.buffer = rest[: int(size)], rest[int(size) :]
                return self.loads(self.last)
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                raise
            except (OSError, socket.error):
                return None
            if not data:
                return None
            self.buffer += data

    def ask_all(self, *request):
        self.send(self.frame(list(request)))
        return self.reply()

    def ask(self, *request):
        return self.ask_all(*request)[0]

    def settle(self):
        """After ignored bytes: asks until there is an answer, then until that of another request."""
        while True:
            self.send(self.frame(["ver"]))
            try:
                self.reply(0.03)
                break
            except socket.timeout:
                pass
        self.send(self.frame([]))
        while self.reply()[0] is not False:
            pass


def values():
    """What goes to the server by `set` and must come back by `get`."""
    e_acute, smile = "h\u00e9llo", "\U0001f600"
    numbers = [0, 1, -1, 255, 256, -255, -256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1]
    numbers += [2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 2**100, -(2**100), 2**500 - 1]
    numbers += [0.0, -0.0, 1.5, -2.25, 0.1, 1e300, -1e-300]
    yield None
    yield True
    yield False
    for number in numbers:
        yield number
    if PYTHON2:
        yield integers[1](7)
        yield integers[1](-(2**40))
    texts = ["", "text", "it's \"quoted\"\\\n\t\r\0", e_acute, smile, "\u4f60\u597d", "x" * 255, "x" * 256, "x" * 700, e_acute * 100]
    for text in texts:
        yield text
    datas = [b"", b"abc", b"\x00\xff\xfe", b"\x80" * 255, b"\x80" * 256, b"\xff" * 700, bytes(bytearray(range(256)))]
    for data in datas:
        yield data
    if PYTHON2:
        yield e_acute.encode("utf-8")
        yield smile.encode("utf-8")
    for data in (b"", b"abc", b"\x00\xff\xfe", b"\x80" * 300):
        yield bytearray(data)
    yield set()
    yield set([1, 2, 3])
    yield set(["a", e_acute])
    yield frozenset()
    yield frozenset([1, (2, 3)])
    yield []
    yield [1, [2, [3, [4, []]]]]
    yield ()
    yield (1, 2)
    yield (1, 2, 3)
    yield (1, 2, 3, 4)
    yield [(1,), ((),), (True,)]
    yield {}
    yield {"a": 1, e_acute: [True, None], 7: {"b": 2.5}, (1, 2): b"\xff"}
    shared = ["twice", e_acute, b"\xff\xfe"]
    yield [shared, shared, [shared, {"a": shared}], e_acute, e_acute]
    yield list(range(300))
    yield dict((number, str(number)) for number in range(300))


def before_login(connection, checks):
    checks.same("ver", connection.ask("ver"), native("1.0.0"))
    image = connection.ask("upgrade")
    checks.true("the image is a list of tuples", type(image) is list and all(type(entry) is tuple for entry in image))
    entries = dict(image)
    checks.true("names in the image are str: %r" % image[:1], all(type(name) is native for name in entries))
    checks.same("VERSION in the image", entries.get(native("VERSION")), b"1.0.0\n")
    folders = [entry for entry in image if type(entry[1]) is list]
    checks.true("a folder is (name, [entries])", folders and all(type(one) is tuple for one in folders[0][1]))
    for request in (["update"], ["move", (0, 0, 0)], ["get", "a", "b"], ["set", "a", "b", 1], ["edit", ["kick", ["a"]]]):
        checks.same("before the login: %s" % request[0], connection.ask_all(*request), [False])


def accounts(connection, checks, name):
    checks.same("login of nobody", connection.ask("login", name, "secret"), False)
    checks.same("new", connection.ask_all("new", name, "secret"), [True])
    checks.same("new of a name that is taken", connection.ask("new", name, "other"), False)
    checks.same("login with a wrong password", connection.ask("login", name, "wrong"), False)
    checks.same("login again", connection.ask("login", name, "secret"), True)
    for bad in ("", " a", "a/b", "map:west", "x" * 33):
        checks.same("new of %r" % bad, connection.ask("new", bad, "secret"), False)
    checks.same("still logged in", type(connection.ask("update")), list)


def reading(connection, checks, name):
    view = connection.ask("update")
    checks.true("update is a list of dicts", type(view) is list and all(type(one) is dict for one in view))
    own = [one for one in view if one[native("name")] == name]
    checks.true("exactly one of them is me: %r" % view, len(own) == 1)
    checks.true("keys are str", all(type(key) is native for key in own[0]))
    checks.same("name", own[0][native("name")], seen(name))
    checks.same("visual", own[0][native("visual")], native("gardener"))
    x, y, z = own[0][native("pos")]
    checks.true("pos is (float, float, int): %r" % ((x, y, z),), type(x) is float and type(y) is float and isinstance(z, integers))
    checks.true("the NPC is in view", any(one[native("visual")] == "npc-gardener" for one in view))
    checks.same("get pos", connection.ask("get", name, "pos"), own[0][native("pos")])
    checks.same("get name", connection.ask("get", name, "name"), seen(name))
    checks.same("get of a visible attribute", connection.ask("get", name, "hp"), 100)
    checks.same("get of what is not there", connection.ask("get", name, "no such"), None)
    checks.same("get of nobody", connection.ask("get", "Nobody at all", "hp"), None)


def moving(connection, checks, name):
    def at():
        return connection.ask("get", name, "pos")

    x, y, z = at()
    checks.same("move by ints", connection.ask("move", (0, 1, 0)), True)
    checks.same("after it", at(), (x, y + 1, z))
    checks.same("move by floats", connection.ask("move", (0.5, -1.0, 0)), True)
    checks.same("after that", at(), (x + 0.5, y, z))
    if PYTHON2:
        checks.same("move by longs", connection.ask("move", (integers[1](0),) * 3), True)
    checks.same("move by nothing", connection.ask("move", (0, 0, 0.0)), True)
    where = at()
    for offset in ((float("nan"), 0, 0), (0, float("inf"), 0), (0, float("-inf"), 0), (0, 0, 1), (1e308, 0, 0), (2**70, 0, 0), (-100, 0, 0)):
        checks.same("move by %r" % (offset,), connection.ask("move", offset), False)
    checks.same("after all that", at(), where)


def roundtrip(connection, checks, name):
    for number, value in enumerate(values()):
        what = "value %d, %.40r" % (number, value)
        checks.same("set of " + what, connection.ask("set", name, "thing", value), True)
        checks.same("get of " + what, connection.ask("get", name, "thing"), seen(value))
    attribute = "\u00e4ttribute"
    checks.same("set of an attribute with an umlaut", connection.ask("set", name, attribute, 1), True)
    checks.same("get of it", connection.ask("get", name, attribute), 1)


def relative(connection, checks, name):
    def change(attribute, value, wanted, after):
        checks.same("%s changed by %r" % (attribute, value), connection.ask("set", name, attribute, value), wanted)
        checks.same("%s after %r" % (attribute, value), connection.ask("get", name, attribute), after)

    change("gold", (5,), True, 5)
    change("gold", (-2,), True, 3)
    change("gold", (-4,), False, 3)  # below the minimum
    change("gold", 2000, False, 3)  # above the maximum
    change("gold", "much", False, 3)
    change("fresh", (2.5,), True, 2.5)
    change("fresh", (-1,), True, 1.5)
    for nonsense in (("1",), (True,), (None,), ((1,),), ([1],)):
        change("fresh", nonsense, False, 1.5)
    checks.same("set text", connection.ask("set", name, "words", "abc"), True)
    change("words", (1,), False, native("abc"))
    checks.same("set of hp, which is for game masters", connection.ask("set", name, "hp", 1), False)
    for attribute in ("pos", "name", "role"):
        checks.same("set of " + attribute, connection.ask("set", name, attribute, 1), False)
    checks.same("set on nobody", connection.ask("set", "Nobody at all", "x", 1), False)


def not_requests(connection, checks):
    requests = [{}, (), ("ver",), "ver", 7, None, [], ["nosuch"], ["VER"], [None], [["ver"]], [7], ["ver", 1], ["login", "a"], ["login", 1, 2]]
    requests += [["move"], ["move", 1], ["move", (1, 2)], ["move", (1, 2, 3, 4)], ["move", ("1", 0, 0)], ["move", (True, 0, 0)]]
    requests += [["get", "a"], ["get", 1, "b"], ["get", "a", None], ["set", "a", "b"], ["set", 1, "b", 2], ["edit"], ["edit", "kick"]]
    requests += [["edit", ["kick"]], ["edit", ["kick", "a"]], ["edit", ["nosuch", []]], ["edit", ["tile", [1, 2]]]]
    for request in requests:
        connection.send(connection.frame(request))
        checks.same("%r" % (request,), connection.reply()[0], False)
    checks.same("and the conversation is in step", connection.ask("ver"), native("1.0.0"))


def framing(connection, checks):
    one = connection.frame(["ver"])
    for byte in bytearray(one):
        connection.send(bytes(bytearray([byte])))
    checks.same("byte by byte", connection.reply()[0], native("1.0.0"))
    batch = [["ver"], ["nosuch"], ["get", "Nobody", "x"], ["move", (0, 0, 0)], ["ver"]]
    connection.send(b"".join(connection.frame(request) for request in batch))
    wanted = [native("1.0.0"), False, None, True, native("1.0.0")]
    checks.same("five in one segment", [connection.reply()[0] for _ in batch], wanted)
    connection.send(one + one[:3])
    checks.same("one and a piece", connection.reply()[0], native("1.0.0"))
    connection.send(one[3:])
    checks.same("and the rest of it", connection.reply()[0], native("1.0.0"))
    data = connection.dumps(["ver"], connection.protocol) + b"after the STOP"
    connection.send(str(len(data)).encode("ascii") + b" " + data)
    checks.same("bytes after STOP", connection.reply()[0], native("1.0.0"))
    connection.send(b"0000" + one)
    checks.same("a size with zeros before it", connection.reply()[0], native("1.0.0"))


class Attack(object):
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.system, (native("touch " + self.path),))


def bad_frames(port, protocol, dumps, loads, checks):
    """Ignored, each of them; and the tenth in a row is the last."""
    with contextlib.closing(Connection(port, protocol, dumps, loads)) as connection:
        marker = os.path.join(tempfile.gettempdir(), "pymmorpg-attack-%d-%d" % (os.getpid(), protocol))
        bads = [b"x", b"-1 ", b"+4 ", b"1_0 ", b" ", b"\xff\xff", b"0x10 ", b"99999999999999999999 ", b"1000000000000 "]
        payloads = [b"", b"garbage", b"cos\nsystem\n.", b"(", b"]", b".", b"\x80\x63.", b"c__builtin__\neval\n.", dumps(Attack(marker), protocol)]
        payloads += [b"\x80\x02c__builtin__\nset\n.", b"Pid\n.", b"(i__main__\nX\n.", b"h\x07."]
        for bad in bads + [str(len(payload)).encode("ascii") + b" " + payload for payload in payloads]:
            connection.send(bad)
            connection.settle()
            checks.same("after %.40r" % bad, connection.ask("ver"), native("1.0.0"))
        checks.true("the attack ran", not os.path.exists(marker))
        connection.send(connection.frame(["ver"]) + b"x")
        checks.same("a good message ahead of a bad one", connection.reply()[0], native("1.0.0"))
        connection.settle()
    with contextlib.closing(Connection(port, protocol, dumps, loads)) as connection:
        sent = until_closed(connection)
        checks.true("closed after %r bad messages, not before the tenth" % sent, sent is not None and sent >= 10)


def until_closed(connection):
    """Sends bad messages, each after the last has had time to be read, and says how many it took."""
    for count in range(1, 60):
        try:
            connection.send(b"7 garbage")
            if connection.reply(0.05) is None:
                return count
        except socket.timeout:
            continue
        except (OSError, socket.error):
            return count
    return None


def dialect(connection, checks):
    connection.ask("ver")
    wanted = 2 if connection.protocol <= 2 else 3 if connection.protocol == 3 else 4
    checks.same("the reply's pickle protocol", bytearray(connection.last)[:2], bytearray([0x80, wanted]))


def maps(connection, master, checks, number):
    version = connection.ask("get", "map:west", "version")
    checks.true("version is an int: %r" % version, isinstance(version, integers))
    bounds = connection.ask("get", "map:west", "bounds")
    checks.true("bounds: %r" % (bounds,), type(bounds) is tuple and len(bounds) == 5 and bounds[3:] == (24, 16))
    tmx = connection.ask("get", "map:west", "tmx")
    checks.true("tmx is bytes", type(tmx) is bytes and b"<map" in tmx)
    checks.same("a map that is not there", connection.ask("get", "map:nowhere", "version"), None)
    tile = ["west", "Ground", 14, 2, 3 + number]
    checks.same("an edit by a player", connection.ask("edit", ["tile", tile]), False)
    checks.same("an edit by a game master", master.ask("edit", ["tile", tile]), True)
    flags = []
    end = time.time() + DEADLINE
    while not flags and time.time() < end:
        flags = connection.ask_all("ver")[1:]
    checks.same("its flag", flags, [native("map")])
    checks.same("and once only", connection.ask_all("ver")[1:], [])
    edits = connection.ask("get", "map:west", "edits")
    checks.true("edits are a list of tuples: %r" % (edits,), type(edits) is list and (native("Ground"), 14, 2, 3 + number) in edits)
    checks.true("the version went up", connection.ask("get", "map:west", "version") > version)


def game_master(port, protocol, dumps, loads, name, password):
    """A connection whose character may edit, with its own flags drained: the role is noticed within a second."""
    master = Connection(port, protocol, dumps, loads)
    if not master.ask("login", name, password):
        raise AssertionError("the game master could not log in")
    return master


def one_kind(checks, port, protocol, dumps, loads, tag, master_name, password):
    """Everything, with one pickler and one protocol."""
    with contextlib.closing(Connection(port, protocol, dumps, loads)) as connection:
        name = "Conform " + tag
        before_login(connection, checks)
        dialect(connection, checks)
        accounts(connection, checks, name)
        reading(connection, checks, name)
        moving(connection, checks, name)
        roundtrip(connection, checks, name)
        relative(connection, checks, name)
        not_requests(connection, checks)
        framing(connection, checks)
        with contextlib.closing(game_master(port, protocol, dumps, loads, master_name, password)) as master:
            maps(connection, master, checks, protocol)
        umlaut = "J\u00fcrgen " + tag
        checks.same("new with an umlaut", connection.ask("new", umlaut, "g\u00e4rten"), True)
        checks.same("its name", connection.ask("get", umlaut, "name"), umlaut)
        if PYTHON2:
            as_bytes = umlaut.encode("utf-8")
            checks.same("login with UTF-8", connection.ask(b"login", as_bytes, "g\u00e4rten".encode("utf-8")), True)
            checks.same("get with UTF-8", connection.ask(b"get", as_bytes, b"name"), umlaut)
            with contextlib.closing(Connection(port, protocol, dumps, loads)) as plain:
                # What an old client writes: byte strings and nothing else.
                checks.same("login in byte strings", plain.ask(b"login", ("Conform " + tag).encode("ascii"), b"secret"), True)
                for data in (b"\xff\xfe", b"plain", b""):
                    checks.same("set in byte strings", plain.ask(b"set", ("Conform " + tag).encode("ascii"), b"thing", data), True)
                    checks.same("get in byte strings", plain.ask(b"get", ("Conform " + tag).encode("ascii"), b"thing"), data)
    bad_frames(port, protocol, dumps, loads, checks)


def main():
    port, master_name, password, tag = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    results = []
    for kind, dumps, loads in picklers:
        for protocol in PROTOCOLS:
            checks = Checks()
            try:
                one_kind(checks, port, protocol, dumps, loads, "%s %s%d" % (tag, kind, protocol), master_name, password)
            except Exception:
                checks.failed.append("stopped by " + traceback.format_exc())
            results.append({"pickler": kind, "protocol": protocol, "checks": checks.count, "failed": checks.failed})
    print(json.dumps({"python": "%d.%d.%d" % sys.version_info[:3], "results": results}))


if __name__ == "__main__":
    main()
