"""Replies come in the order of requests, however many are sent without waiting."""

import random
import threading

from harness.case import YardCase
from harness.raw import frame
from harness.yard import VERSION


class Pipelining(YardCase):
    def test_hundreds_of_mixed_requests_in_one_write(self):
        player = self.play("Hasty")
        name = player.name
        kinds = {
            "ver": lambda n: (["ver"], VERSION),
            "no request": lambda n: (["no such"], False),
            "nobody": lambda n: (["get", "Nobody at all", "x"], None),
            "set": lambda n: (["set", name, "count", n], True),
            "refused": lambda n: (["set", name, "hp", n], False),
            "move": lambda n: (["move", (0, 0, 0)], True),
            "login": lambda n: (["login", "", "x"], False),
            "upgrade": lambda n: (["upgrade"], list),
            "update": lambda n: (["update"], list),
        }
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        requests, wanted, last = [], [], None
        for n in range(600):
            kind = chance.choice([*kinds, "get"])
            if kind == "get":
                request, result = ["get", name, "count"], last
            else:
                request, result = kinds[kind](n)
                last = n if kind == "set" else last
            requests.append(request)
            wanted.append(result)
        for n, (result, right) in enumerate(zip(player.pipeline(*requests), wanted)):
            is_right = isinstance(result, list) if right is list else result == right
            self.assertTrue(is_right, "seed %d: reply %d to %r is %.60r, not %r" % (seed, n, requests[n], result, right))

    def test_more_than_a_window_in_flight(self):
        """A session has at most 128 commands unanswered at its zone server; the rest waits without being lost."""
        player = self.play("Runner")
        player.walk_to(4.0, 8.5)
        x, y, z = player.position()
        step = 1 / 64
        steps = [step] * 500 + [-step] * 400
        results = player.pipeline(*[["move", (step, 0, 0)] for step in steps])
        self.assertEqual(results, [True] * 900)
        self.assertEqual(player.position(), (x + 100 * step, y, z))

    def test_one_reads_what_one_has_written(self):
        player = self.play("Scribe")
        name = player.name
        requests, wanted = [], []
        for n in range(150):
            requests += [["set", name, "page", n], ["get", name, "page"], ["set", name, "visual", "v%d" % n], ["get", name, "visual"]]
            wanted += [True, n, True, "v%d" % n]
        self.assertEqual(player.pipeline(*requests), wanted)

    def test_update_shows_what_the_request_before_it_did(self):
        player = self.play("Mirror")
        x, y, _ = player.position()
        requests = []
        for n in range(100):
            requests += [["move", (0, 1 / 16, 0)], ["set", player.name, "visual", "v%d" % n], ["update"]]
        results = player.pipeline(*requests)
        for n, view in enumerate(results[2::3]):
            (own,) = (entity for entity in view if entity["name"] == player.name)
            self.assertEqual((own["pos"][:2], own["visual"]), ((x, y + (n + 1) / 16), "v%d" % n))

    def test_a_session_from_its_beginning_in_one_write(self):
        connection = self.connect()
        name = self.name("Prompt")
        requests = [
            ["update"],
            ["new", name, "secret"],
            ["move", (1, 0, 0)],
            ["get", name, "pos"],
            ["set", name, "n", 7],
            ["get", name, "n"],
            ["ver"],
        ]
        results = connection.pipeline(*requests)
        self.assertEqual(results, [False, True, True, (5.0, 4.0, 0), True, 7, VERSION])

    def test_a_switch_of_character_in_the_stream(self):
        """What comes before the login speaks for the one, what comes behind it for the other."""
        one, other = self.name("First"), self.name("Second")
        connection = self.connect()
        requests = [
            ["new", one, "secret"],
            ["set", one, "n", 1],
            ["new", other, "secret"],
            ["set", one, "n", 2],
            ["set", other, "n", 3],
            ["get", other, "n"],
        ]
        requests += [["login", one, "secret"], ["get", one, "n"], ["set", other, "n", 4]]
        self.assertEqual(connection.pipeline(*requests), [True, True, True, False, True, 3, True, 1, False])

    def test_steps_over_borders_in_one_write(self):
        """Two borders there and back; what was sent ahead follows the character, and nothing is done twice or left out."""
        player = self.play("Courier")
        player.walk_to(7.0, 8.5)
        step = 1 / 16
        for there in (1, -1, 1, -1):
            requests = [["move", (there * step, 0, 0)] for _ in range(320)]
            requests[160:160] = [["get", player.name, "pos"]]
            results = player.pipeline(*requests)
            place = results.pop(160)
            self.assertEqual(results, [True] * 320)
            self.assertEqual(place[0], 17.0)
        self.assertEqual(player.position(), (7.0, 8.5, 0))

    def test_many_at_once(self):
        """Twenty clients, each with its own order."""
        failures = []

        def chat(player):
            try:
                requests = [["set", player.name, "n", n] if n % 2 else ["get", player.name, "n"] for n in range(100)]
                results = player.pipeline(*requests)
                assert results == [None, True] + [value for n in range(2, 100, 2) for value in (n - 1, True)], results
            except Exception as error:
                failures.append("%s: %r" % (player.name, error))

        threads = [threading.Thread(target=chat, args=(self.play("Crowd"),)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_who_reads_late_loses_nothing(self):
        """Requests go on being sent while nothing is read, up to what the server holds; then everything is read."""
        player = self.play("Patient")
        sender = threading.Thread(target=lambda: player.send(frame(["update"]) * 2000), daemon=True)
        sender.start()
        sender.join(1.0)  # it may have been stopped by then, for replies fill the way back
        views = player.results(2000)
        sender.join()
        self.assertTrue(all(any(entity["name"] == player.name for entity in view) for view in views))
