"""Pickles as data: everything that travels comes back as it was, and nothing is ever imported or called."""

import pickle
import pickletools
import unittest

import support  # noqa: F401 (finds the package)
from pymmorpg import pickles
from pymmorpg.errors import ProtocolError, Unsendable

VALUES = [
    None,
    True,
    0,
    -1,
    2**31,
    -(2**200),
    1.5,
    float("inf"),
    "",
    "naïve \U0001f40d",
    b"",
    bytes(range(256)),
    bytearray(b"ab"),
    bytearray(),
    [],
    [1, [2, [3]]],
    (),
    (1,),
    (1, 2, 3, 4),
    {"pos": (1.5, 2.5, 0), "name": "Anna"},
    {1: {2: {}}},
    set(),
    {1, 2},
    frozenset(),
    frozenset([1]),
    [("VERSION", b"1.0.0\n"), ("maps", [("a.tmx", b"<map/>")])],
]


class Evil:
    """Pickles as a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


class Data(unittest.TestCase):
    def test_every_value_in_every_protocol(self):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            for value in VALUES:
                with self.subTest(protocol=protocol, value=value):
                    got = pickles.loads(pickle.dumps(value, protocol))
                    self.assertEqual(got, value)
                    self.assertIs(type(got), type(value))

    def test_shared_and_circular(self):
        shared = ["x"]
        got = pickles.loads(pickle.dumps([shared, shared]))
        self.assertIs(got[0], got[1])
        circle = []
        circle.append(circle)
        got = pickles.loads(pickle.dumps(circle))
        self.assertIs(got[0], got)

    def test_python_2_byte_strings(self):
        self.assertEqual(pickles.loads(b"U\x03abc."), "abc")

    def test_what_is_sent_is_plain(self):
        for value in VALUES:
            with self.subTest(value=value):
                data = pickles.dumps(value)
                names = {opcode.name for opcode, _, _ in pickletools.genops(data)}
                calls = names & {"GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ", "INST", "OBJ"}
                self.assertTrue(not calls or type(value) is bytearray, names)

    def test_what_is_not_data_is_not_sent(self):
        class Text(str):
            pass

        for value in (object(), print, Text("x"), [Text("x")], {Text("x"): 1}, {1: print}, (1j,), Evil(print, ("x",))):
            with self.subTest(repr(value)), self.assertRaises(Unsendable):
                pickles.dumps(value)


class Attacks(unittest.TestCase):
    def refused(self, data):
        with self.subTest(data), self.assertRaises(ProtocolError):
            value = pickles.loads(data)
            self.fail("gave %r" % (value,))

    def test_calls(self):
        calls = [
            (eval, ("1",)),
            (exec, ("1",)),
            (getattr, ("", "join")),
            (print, ("x",)),
            (open, ("/dev/null",)),
            (__import__, ("os",)),
            (type, ("X", (), {})),
            (object, ()),
            (bytes.fromhex, ("00",)),
            (pickle.loads, (b"N.",)),
            (str, (b"x", "rot13")),
        ]
        for call in calls:
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                self.refused(pickle.dumps(Evil(*call), protocol))
                self.refused(pickle.dumps([1, {"a": Evil(*call)}], protocol))

    def test_names_in_every_opcode(self):
        for data in (
            b"cos\nsystem\n(S'true'\ntR.",
            b"(S'true'\nios\nsystem\n.",
            b"(cos\nsystem\nS'true'\no.",
            b"cbuiltins\nobject\n)\x81.",
            b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
            b"\x80\x04\x8c\x08builtins\x8c\x0dbytes.fromhex\x93.",
            b"\x80\x04\x8c\x07_codecs\x8c\x0fencode.__self__\x93.",
            b"\x82\x01.",
            b"\x83\x01\x00.",
            b"\x84\x01\x00\x00\x00.",
            b"Pid\n.",
            b"S'id'\nQ.",
            b"\x80\x05\x97.",
        ):
            self.refused(data)

    def test_shapes_only_as_python_writes_them(self):
        encode, names = b"c_codecs\nencode\n", b"cbuiltins\n%s\n"
        for data in (
            encode + b"(S'x'\nS'rot13'\ntR.",
            encode + b"(S'x'\nS'utf-8'\ntR.",
            encode + b"(S'x'\ntR.",
            encode + b"(I1\nS'latin1'\ntR.",
            names % b"bytes" + b"(I1000000000\ntR.",
            names % b"bytearray" + b"(I1000000000\ntR.",
            names % b"bytearray" + b"(S'x'\nS'rot13'\ntR.",
            names % b"set" + b"(S'abc'\ntR.",
            names % b"frozenset" + b"(I1\ntR.",
        ):
            self.refused(data)

    def test_a_shape_is_no_data(self):
        for data in (
            b"c_codecs\nencode\n.",
            b"(lc_codecs\nencode\na.",
            b"(dc_codecs\nencode\nI1\ns.",
            b"(c_codecs\nencode\nI1\nt.",
        ):
            self.refused(data)

    def test_a_shape_cannot_be_changed(self):
        for state in (b"(dS'_make'\nI1\ns", b"(N(dS'_make'\nI1\nst", b"(dS'__class__'\nI1\ns", b"(N(dS'__call__'\nI1\nst"):
            self.refused(b"c_codecs\nencode\n" + state + b"b.")
        self.assertEqual(pickles.loads(pickle.dumps(b"still", 2)), b"still")

    def test_malformed(self):
        whole = pickle.dumps(VALUES[:20], 4)
        for end in range(len(whole)):
            self.refused(whole[:end])
        for data in (b"", b".", b"0.", b"\x80\x09N.", b"I1\n", b"garbage", b"(((", b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc."):
            self.refused(data)

    def test_deep_nesting_is_an_error_and_no_crash(self):
        depth = 200000
        value = pickles.loads(b"]" * (depth + 1) + b"a" * depth + b".")
        for _ in range(depth):
            value = value[0]
        self.assertEqual(value, [])


if __name__ == "__main__":
    unittest.main()
