"""The client image on disk: what is in it is written below its folder, and nothing is ever written elsewhere."""

import tempfile
import unittest
from pathlib import Path

import support  # noqa: F401 (finds the package)
from pymmorpg import image
from pymmorpg.errors import UnsafeImage

IMAGE = [("VERSION", b"1.0.0\n"), ("maps", [("a.tmx", b"<map/>"), ("empty", [])]), ("größe.txt", bytearray(b"x")), (".hidden", b"")]

UNSAFE_NAMES = [
    "", ".", "..", "...", " ", ". .", "../evil", "a/b", "/etc/passwd", "a\\b", "..\\evil", "C:", "C:evil", "a:stream", "a\0b", "a\nb", "\x1b[2J", "evil ", "evil.",
    "con", "CON", "con.txt", "aux", "NUL.tar.gz", "com1", "lpt9.txt", b"bytes", 1, None, ("a",),
]  # fmt: skip


class Files(unittest.TestCase):
    def test_paths(self):
        self.assertEqual(
            image.files(IMAGE), {"VERSION": b"1.0.0\n", "maps/a.tmx": b"<map/>", "größe.txt": b"x", ".hidden": b""}
        )

    def test_unsafe_names(self):
        for name in UNSAFE_NAMES:
            for entries in ([(name, b"x")], [(name, [("inside", b"x")])], [("folder", [(name, b"x")])]):
                with self.subTest(entries), self.assertRaises(UnsafeImage):
                    image.files(entries)

    def test_what_is_no_image(self):
        for entries in (None, "x", (), {}, [1], [("a",)], [("a", b"", b"")], [["a", b""]], [("a", None)], [("a", "text")], [("a", ())]):
            with self.subTest(entries), self.assertRaises(UnsafeImage):
                image.files(entries)

    def test_twice_the_same(self):
        with self.assertRaises(UnsafeImage):
            image.files([("a", b"1"), ("a", b"2")])
        with self.assertRaises(UnsafeImage):
            image.files([("a", [("b", b"1")]), ("a", [("b", b"2")])])

    def test_depth(self):
        entries = [("a", b"x")]
        for _ in range(image.DEPTH_MAX):
            entries = [("d", entries)]
        self.assertEqual(len(image.files(entries)), 1)
        with self.assertRaises(UnsafeImage):
            image.files([("d", entries)])
        circle = []
        circle.append(("d", circle))
        with self.assertRaises(UnsafeImage):
            image.files(circle)


class Writing(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.outside = Path(temporary.name)
        self.folder = self.outside / "client"

    def tree(self):
        """Every file below the outer folder."""
        return {str(path.relative_to(self.outside)): path.read_bytes() for path in self.outside.rglob("*") if path.is_file()}

    def test_all_of_it(self):
        written = image.write(IMAGE, self.folder)
        self.assertEqual(
            self.tree(),
            {"client/VERSION": b"1.0.0\n", "client/maps/a.tmx": b"<map/>", "client/größe.txt": b"x", "client/.hidden": b""},
        )
        self.assertEqual(sorted(written), sorted(path for path in self.folder.rglob("*") if path.is_file()))

    def test_an_older_one_is_replaced_and_others_stay(self):
        image.write([("VERSION", b"1"), ("old", b"o")], str(self.folder))
        image.write([("VERSION", b"2")], self.folder)
        self.assertEqual(self.tree(), {"client/VERSION": b"2", "client/old": b"o"})

    def test_nothing_is_written_of_an_unsafe_one(self):
        for entries in ([("good", b"x"), ("..", b"x")], [("good", b"x"), ("d", [("../../evil", b"x")])]):
            with self.subTest(entries), self.assertRaises(UnsafeImage):
                image.write(entries, self.folder)
            self.assertEqual(self.tree(), {})

    def test_no_link_is_followed(self):
        elsewhere = self.outside / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "victim").write_bytes(b"untouched")
        self.folder.mkdir()
        (self.folder / "file").symlink_to(elsewhere / "victim")
        (self.folder / "new").symlink_to(elsewhere / "new")
        (self.folder / "folder").symlink_to(elsewhere)
        for entries in ([("file", b"x")], [("new", b"x")], [("folder", [("victim", b"x")])], [("folder", [("d", [("e", b"x")])])]):
            with self.subTest(entries), self.assertRaises(UnsafeImage):
                image.write([("good", b"x")] + entries, self.folder)
        self.assertEqual(
            {name: data for name, data in self.tree().items() if name.startswith("elsewhere")},
            {"elsewhere/victim": b"untouched"},
        )
        self.assertFalse((self.folder / "good").exists())

    def test_no_link_is_followed_on_the_way_to_the_file(self):
        victim = self.outside / "victim"
        victim.write_bytes(b"untouched")
        self.folder.mkdir()
        for name in ("file.part", ".file.part", "file.tmp", "file~"):
            (self.folder / name).symlink_to(victim)
        image.write([("file", b"x")], self.folder)
        self.assertEqual(victim.read_bytes(), b"untouched")

    def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(self):
        (self.folder / "name").mkdir(parents=True)
        with self.assertRaises(OSError):
            image.write([("name", b"x")], self.folder)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["name"])


if __name__ == "__main__":
    unittest.main()
