"""After Ctrl-C, everything is there."""

import signal
import threading
import time

from harness import yard
from harness.raw import Closed, frame, until
from harness.restarts import RestartCase


class Stopped(RestartCase):
    def test_everything_is_saved(self):
        for with_signal in (signal.SIGINT, signal.SIGTERM):
            master = self.game_master()
            player = self.play("Anna")
            player.walk_to(6.25, 9.5)
            self.assertIs(player.ask("set", "Anna", "bag", {"keys": [1, 2]}), True)
            self.assertIs(player.ask("set", "Anna", "visual", "queen"), True)
            self.assertIs(master.ask("edit", ["tile", ["west", "Collision", 5, 10, yard.WALL_GID]]), True)
            self.assertIs(master.ask("edit", ["spawn", ["Owl " + with_signal.name.lower(), (7.5, 7.5, 0), {"visual": "owl"}]]), True)
            # The last step is not a second old when it stops.
            self.assertIs(player.ask("move", (0.125, 0.25, 0)), True)
            self.restart(with_signal)
            player = self.play("Anna")
            self.assertEqual(player.position(), (6.375, 9.75, 0))
            self.assertEqual(player.ask("get", "Anna", "bag"), {"keys": [1, 2]})
            self.assertEqual(player.view()["Anna"]["visual"], "queen")
            self.assertEqual(player.ask("get", "map:west", "edits"), [("Collision", 5, 10, yard.WALL_GID)])
            until(lambda: "Owl " + with_signal.name.lower() in player.view(), "the owl is there", deadline=5)
            player.close()

    def test_what_was_read_is_answered(self):
        """Hundreds in flight: answers come in order until the end, and what was answered has happened, no more than one unanswered one besides."""
        for _ in range(3):
            players = [self.play("Anna %d" % n) for n in range(4)]
            sums = [player.ask("get", player.name, "sum") or 0 for player in players]
            for player in players:
                player.send(frame(["set", player.name, "sum", (1,)]) * 300)
            counts = [len(player.results(self.chance.randrange(1, 60))) for player in players]
            stopper = threading.Thread(target=self.server.stop)
            stopper.start()
            for n, player in enumerate(players):
                try:
                    while True:
                        self.assertIs(player.reply()[0], True)
                        counts[n] += 1
                except Closed:
                    pass
            stopper.join()
            self.server.start()
            for n, player in enumerate(players):
                stands = self.play(player.name).ask("get", player.name, "sum")
                self.assertEqual(stands - sums[n], counts[n], "seed %d: a stop in good order leaves nothing open" % self.seed)

    def test_clients_are_told_by_the_end_of_the_connection(self):
        players = [self.play("Anna %d" % n) for n in range(5)]
        self.server.stop()
        for player in players:
            self.assertTrue(player.is_closed(within=1))
        self.server.start()

    def test_who_does_not_read_does_not_stop_it_from_stopping(self):
        player = self.play("Anna")
        player.send(frame(["update"]) * 5000)
        other = self.connect()
        other.send(frame(["ver"])[:4])
        begin = time.monotonic()
        self.server.stop()
        self.assertLess(time.monotonic() - begin, 15)
        self.server.start()

    def test_many_restarts(self):
        """Attributes, places and passwords go through any number of them."""
        for n in range(5):
            player = self.play("Anna")
            self.assertEqual(player.ask("get", "Anna", "n"), n - 1 if n else None)
            self.assertEqual(player.position()[0], 4.0 + n)
            self.assertIs(player.ask("set", "Anna", "n", n), True)
            self.assertIs(player.ask("move", (1, 4 if n == 0 else 0, 0)), True)
            self.restart()
