"""Those who judge in the fault harness: they find what is wrong, and nothing in what is not."""

import tempfile
import unittest
from pathlib import Path

from faults import writes
from faults.ledger import Number, Value
from faults.trail import FALLBACK_SECONDS_MAX, Astray, Trail
from harness.databases import Postgres
from harness.sql import Sql


class Numbers(unittest.TestCase):
    def check(self, acknowledged, unknown, actual, wanted):
        number = Number(acknowledged, list(unknown))
        self.assertEqual(number.judge(actual), wanted, (acknowledged, unknown, actual))
        self.assertEqual((number.acknowledged, number.unknown), (actual, []), "one goes on from what is there")

    def test_steps(self):
        for acknowledged, unknown, actual, wanted in (
            (5, [], 5, 0),
            (5, [], 4, -1),
            (5, [], 7, 2),
            (5, [1, 1], 5, 0),
            (5, [1, 1], 7, 0),
            (5, [1, 1], 8, 1),
            (5, [1, 1], 4, -1),
            (100, [-3, 5], 97, 0),
            (100, [-3, 5], 102, 0),
            (100, [-3, 5], 105, 0),
            (100, [-3, 5], 94, -3),
            (100, [-3, 5], 108, 3),
            (100, [-3], 99, 2),
        ):
            self.check(acknowledged, unknown, actual, wanted)

    def test_values(self):
        for acknowledged, unknown, actual, wanted in (
            (1, [], 1, True),
            (1, [], 2, False),
            (1, [2, 3], 3, True),
            (None, [2], None, True),
            (1, [2], None, False),
        ):
            self.assertIs(Value(acknowledged, list(unknown)).judge(actual), wanted)


class Trails(unittest.TestCase):
    def walked(self, count, seconds_a_step=0.1):
        """East, an eighth more with each step, so that no two ways lead to one place."""
        trail, x = Trail((0.0, 0.0, 0), 0.0), 0.0
        for n in range(1, count + 1):
            x += n / 8
            trail.stepped((n / 8, 0.0), (x, 0.0, 0), n * seconds_a_step)
        return trail

    def test_every_step_counts(self):
        trail = self.walked(10)
        self.assertIsNone(trail.judge((55 / 8, 0.0, 0), 1.1))

    def test_the_last_second_may_be_taken_back(self):
        trail = self.walked(40)
        place = sum(range(36)) / 8  # all but the last five
        self.assertAlmostEqual(trail.judge((place, 0.0, 0), 4.1), 0.4)
        self.assertEqual(trail.place, (place, 0.0, 0))

    def test_also_if_one_has_walked_on_since(self):
        trail = self.walked(40)
        place = (sum(range(31)) + 36 + 37 + 38 + 39 + 40) / 8  # 31 to 35 were taken back
        self.assertAlmostEqual(trail.judge((place, 0.0, 0), 4.1), 0.4)

    def test_more_than_that_may_not(self):
        trail = self.walked(40)
        steps_too_many = int(FALLBACK_SECONDS_MAX / 0.1) + 3
        with self.assertRaises(Astray):
            trail.judge((sum(range(41 - steps_too_many)) / 8, 0.0, 0), 4.1)

    def test_no_step_is_taken_twice(self):
        with self.assertRaises(Astray):
            self.walked(10).judge((65 / 8, 0.0, 0), 1.1)

    def test_what_was_not_answered_may_have_been_done(self):
        for count, is_right in ((0, True), (1, True), (2, True), (3, False)):
            trail = self.walked(10)
            for _ in range(2):
                trail.lost((0.0, 2.0))
            with self.subTest(count):
                if is_right:
                    self.assertIsNone(trail.judge((55 / 8, 2.0 * count, 0), 1.1))
                else:
                    with self.assertRaises(Astray):
                        trail.judge((55 / 8, 2.0 * count, 0), 1.1)

    def test_a_warp_may_be_taken_back(self):
        trail = self.walked(10)
        trail.stepped((1.0, 0.0), (90.0, 90.0, 0), 1.1)
        self.assertAlmostEqual(trail.judge((55 / 8, 0.0, 0), 1.2), 0.0, msg="one step")


class Witness(unittest.TestCase):
    """The trigger in PostgreSQL, on the columns that it looks at."""

    TABLES = """
    CREATE TABLE zone_servers (incarnation BIGINT PRIMARY KEY, heartbeat_ms BIGINT);
    CREATE TABLE entities (key TEXT PRIMARY KEY, owner BIGINT, own BIGINT, seq BIGINT, state BYTEA, applied BYTEA);
    INSERT INTO entities VALUES ('anna', NULL, 1, 1, '', '');
    """
    NOW_MS = "(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT"

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="witness-")
        cls.addClassCleanup(folder.cleanup)
        path = Path(folder.name)
        (path / "logs").mkdir()
        cls.postgres = Postgres(path)
        cls.postgres.create()
        cls.addClassCleanup(cls.postgres.halt)
        cls.postgres.start()
        cls.postgres.sql.run(cls.TABLES)
        writes.install(cls.postgres.sql)

    def setUp(self):
        self.one, self.other = (Sql(self.postgres.url() + "?application_name=zone-%d" % number) for number in (1, 2))
        self.postgres.sql.run("DELETE FROM zone_servers; DELETE FROM faults.incarnations")
        for number, sql in ((10, self.one), (20, self.other)):
            sql.run("INSERT INTO zone_servers VALUES (%d, %s)" % (number, self.NOW_MS))
        self.postgres.sql.run("UPDATE entities SET owner = NULL, own = 1, state = ''")
        writes.take_zombies(self.postgres.sql)

    def write(self, sql, what):
        """A write of the row, and what is held against it."""
        sql.run("UPDATE entities SET " + what)
        return writes.take_zombies(self.postgres.sql)

    def test_the_way_of_a_row(self):
        self.assertEqual(self.write(self.one, "owner = 10, own = own + 1"), [])
        self.assertEqual(self.write(self.one, "seq = seq + 1, state = 'x'"), [])
        self.assertEqual(self.write(self.one, "owner = NULL, own = own + 1, state = 'y'"), [])
        self.assertEqual(self.write(self.other, "owner = 20, own = own + 1"), [])
        self.postgres.sql.run("UPDATE zone_servers SET heartbeat_ms = heartbeat_ms - 3000 WHERE incarnation = 20")
        self.assertEqual(self.write(self.one, "owner = 10, own = own + 1"), [], "from the dead")

    def test_what_must_not_be(self):
        self.write(self.one, "owner = 10, own = own + 1")
        for sql, what, found in (
            (self.other, "seq = seq + 1, state = 'x'", "writes what it does not own"),
            (self.other, "owner = NULL, own = own + 1", "writes what it does not own"),
            (self.other, "owner = 20, own = own + 1", "claims from the living"),
            (self.one, "owner = 20, own = own + 1", "claims for another"),
            (self.one, "owner = 10, own = own + 1, state = 'z'", "claims and changes"),
        ):
            with self.subTest(what):
                self.postgres.sql.run("UPDATE entities SET owner = 10")
                writes.take_zombies(self.postgres.sql)
                (zombie,) = self.write(sql, what)
                self.assertIn(found, zombie)
