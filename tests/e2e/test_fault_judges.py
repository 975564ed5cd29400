"""Those who judge in the fault harness: they find what is wrong, and nothing in what is not."""

import unittest

from faults.ledger import Number, Value
from faults.trail import FALLBACK_SECONDS_MAX, Astray, Trail


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
        self.assertEqual(trail.judge((55 / 8, 0.0, 0), 1.1), 0.0)

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
                    self.assertEqual(trail.judge((55 / 8, 2.0 * count, 0), 1.1), 0.0)
                else:
                    with self.assertRaises(Astray):
                        trail.judge((55 / 8, 2.0 * count, 0), 1.1)

    def test_a_warp_may_be_taken_back(self):
        trail = self.walked(10)
        trail.stepped((1.0, 0.0), (90.0, 90.0, 0), 1.1)
        self.assertAlmostEqual(trail.judge((55 / 8, 0.0, 0), 1.2), 0.0)
