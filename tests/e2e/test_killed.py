"""What was answered True is there after a kill -9 at any moment."""

import threading
import time

from harness import yard
from harness.raw import Closed, frame, until
from harness.restarts import RestartCase


class Killed(RestartCase):
    def test_an_account_is_there_as_soon_as_it_was_answered(self):
        for n in range(5):
            connection = self.connect()
            self.assertIs(connection.ask("new", "Anna %d" % n, "secret"), True)
            self.crash()
            again = self.connect()
            self.assertIs(again.ask("login", "Anna %d" % n, "secret"), True)
            self.assertIs(again.ask("new", "anna %d" % n, "secret"), False)
            self.assertIs(again.ask("login", "Anna %d" % n, "wrong"), False)
            again.close()

    def test_a_value_is_there_as_soon_as_it_was_answered(self):
        for n in range(5):
            player = self.play("Anna")
            self.assertEqual(player.ask("get", "Anna", "n"), n - 1 if n else None)
            self.assertIs(player.ask("set", "Anna", "n", n), True)
            self.crash()

    def test_each_edit_is_there_as_soon_as_it_was_answered(self):
        self.game_master()
        edits = [
            (
                ["tile", ["west", "Collision", 5, 9, yard.WALL_GID]],
                lambda player: ("Collision", 5, 9, yard.WALL_GID) in player.ask("get", "map:west", "edits"),
            ),
            (["spawn", ["Owl", (7.5, 7.5, 0), {"note": 5}]], lambda player: player.ask("get", "Owl", "note") == 5),
            (["teleport", ["Owl", (8.5, 7.5, 0)]], lambda player: player.ask("get", "Owl", "pos") == (8.5, 7.5, 0)),
            (["teleport", ["Referee", (7.5, 9.5, 0)]], lambda player: player.position() == (7.5, 9.5, 0)),
            (["despawn", ["Owl"]], lambda player: player.ask("get", "Owl", "pos") is None),
            (["tile", ["east", "Ground", 1, 1, 5]], lambda player: player.ask("get", "map:east", "edits") == [("Ground", 1, 1, 5)]),
            (["reset", ["west"]], lambda player: player.ask("get", "map:west", "edits") == [] != player.ask("get", "map:east", "edits")),
        ]
        for edit, is_there in edits:
            master = self.play("Referee")
            self.assertIs(master.ask("edit", edit), True, edit)
            version = master.ask("get", "map:west", "version")
            self.crash()
            master = self.play("Referee")
            # What lies in the world is claimed by the new server within a second.
            until(lambda: is_there(master), "%r is there after the crash" % edit, deadline=5)
            self.assertGreaterEqual(master.ask("get", "map:west", "version"), version)

    def test_a_ledger_loses_nothing_and_counts_nothing_twice(self):
        """Hundreds of relative changes in flight; after each crash the sum is that of those answered, or one more."""
        total = 0
        for _ in range(6):
            player = self.play("Clerk")
            total = self.settle(player, total)
            stop_after = self.chance.randrange(20, 250)
            count = self.book(player, stop_after)
            self.assertGreaterEqual(count, stop_after)
            total += 5 * count
            self.server.start()
        player = self.play("Clerk")
        self.settle(player, total)

    def settle(self, player, total):
        """Compares the ledger with what was answered, and returns what it says."""
        stands = player.ask("get", "Clerk", "sum") or 0
        self.assertIn(stands - total, (0, 5) if total else (0,), "seed %d: the ledger says %d after %d" % (self.seed, stands, total))
        return stands

    def book(self, player, stop_after):
        """Sends changes, kills the server after so many answers, and returns how many answers came in all."""
        player.send(frame(["set", "Clerk", "sum", (5,)]) * 600)
        count = 0
        killer = None
        try:
            while True:
                self.assertIs(player.reply()[0], True)
                count += 1
                if count == stop_after:
                    killer = threading.Thread(target=self.server.kill)
                    killer.start()
        except Closed:
            pass
        self.assertIsNotNone(killer, "the server closed the connection by itself after %d" % count)
        killer.join()
        return count

    def test_ledgers_of_many_at_once(self):
        """Eight clerks, each with a ledger, a purse that their neighbours fill, and steps over borders between."""
        clerks = 8
        sums, purses = [0] * clerks, [0] * clerks
        for round_number in range(3):
            players = [self.play("Clerk %d" % n) for n in range(clerks)]
            for n, player in enumerate(players):
                for attribute, known in (("sum", sums), ("gold", purses)):
                    stands = player.ask("get", player.name, attribute) or 0
                    self.assertIn(stands - known[n], (0, 1) if round_number else (0,), "seed %d: %s of %s" % (self.seed, attribute, player.name))
                    known[n] = stands
            answered = [0]
            threads = [threading.Thread(target=self.work, args=(players, n, sums, purses, answered)) for n in range(clerks)]
            for thread in threads:
                thread.start()
            wanted = self.chance.randrange(100, 600)
            until(lambda: answered[0] >= wanted, "%d answers" % wanted, pause=0.001)
            self.server.kill()
            for thread in threads:
                thread.join()
            self.server.start()

    def work(self, players, n, sums, purses, answered):
        player, neighbour = players[n], (n + 1) % len(players)
        requests = []
        for count in range(400):
            step = (0.125, 0.125, 0) if count % 2 == 0 else (-0.125, -0.125, 0)
            requests += [["set", player.name, "sum", (1,)], ["move", step], ["set", players[neighbour].name, "gold", (1,)]]
        try:
            player.send_all(requests)
            for kind in range(len(requests)):
                result = player.reply()[0]
                answered[0] += 1
                if kind % 3 == 0 and result:
                    sums[n] += 1
                elif kind % 3 == 2 and result:
                    purses[neighbour] += 1
        except (Closed, OSError):
            pass

    def test_accounts_that_are_made_while_it_dies(self):
        """Each name that was answered is an account; none that was refused is."""
        made = []
        for round_number in range(3):
            connections = [self.connect() for _ in range(4)]
            threads = [
                threading.Thread(target=self.make_accounts, args=(connection, "R%d C%d" % (round_number, n), made))
                for n, connection in enumerate(connections)
            ]
            before = len(made)
            for thread in threads:
                thread.start()
            wanted = before + self.chance.randrange(4, 20)
            until(lambda: len(made) >= wanted, "%d accounts" % wanted, pause=0.001)
            self.server.kill()
            for thread in threads:
                thread.join()
            self.server.start()
        connection = self.connect()
        for name in made:
            self.assertIs(connection.ask("login", name, "secret"), True, name)

    def make_accounts(self, connection, base, made):
        try:
            for n in range(200):
                if connection.ask("new", "%s N%d" % (base, n), "secret"):
                    made.append("%s N%d" % (base, n))
        except (Closed, OSError):
            pass

    def test_edits_that_are_made_while_it_dies(self):
        """The map has every tile that was answered, the world everybody who was placed, and the audit log each edit once."""
        self.game_master()
        tiles, owls = {}, set()
        for round_number in range(3):
            master = self.play("Referee")
            requests, count = [], 0
            for n in range(300):
                x, y = n % 20 + 1, n // 20 % 12 + 1
                requests.append(["edit", ["tile", ["west", "Ground", x, y, (n + round_number) % 16 + 1]]])
                requests.append(["edit", ["spawn", ["Owl %d-%d" % (round_number, n), (7.5, 7.5, 0), {}]]])
            wanted = self.chance.randrange(40, 300)
            killer = threading.Thread(target=self.server.kill)
            try:
                master.send_all(requests)
                for request in requests:
                    self.assertIs(master.reply()[0], True)
                    command, data = request[1]
                    if command == "tile":
                        tiles[tuple(data[1:4])] = data[4]
                    else:
                        owls.add(data[0])
                    count += 1
                    if count == wanted:
                        killer.start()
            except (Closed, OSError):
                pass
            killer.join()
            self.server.start()
            master = self.play("Referee")
            there = {edit[:3]: edit[3] for edit in master.ask("get", "map:west", "edits")}
            differing = {place for place in set(tiles) | set(there) if tiles.get(place) != there.get(place)}
            self.assertLessEqual(len(differing), 1, "seed %d: at most the edit that was under way: %r" % (self.seed, differing))
            tiles = there
            until(lambda: owls <= set(master.view()), "seed %d: all %d owls are there" % (self.seed, len(owls)), deadline=10)
            self.assertLessEqual(len([name for name in master.view() if name.startswith("Owl")]) - len(owls), round_number + 1)

    def test_a_position_is_at_most_a_second_old(self):
        player = self.play("Runner")
        player.walk_to(2.5, 8.5)
        trail = []
        begin = time.monotonic()
        while time.monotonic() - begin < 3.0:
            # To and fro, and never where it was before.
            dx = 0.0625 if len(trail) % 400 < 200 else -0.0625
            if player.ask("move", (dx, 0.000244140625, 0)):
                trail.append((time.monotonic(), player.position()))
        self.server.kill()
        killed = time.monotonic()
        self.server.start()
        place = self.play("Runner").position()
        ages = [killed - at for at, position in trail if position == place]
        self.assertTrue(ages, "%r is no place where it ever was" % (place,))
        # A second, and what a loaded machine adds to it.
        self.assertLess(min(ages), 2.0)

    def test_killed_while_it_starts(self):
        """Whatever moment of its start it dies in, the next start finds everything."""
        player = self.play("Anna")
        self.assertIs(player.ask("set", "Anna", "n", 7), True)
        self.server.kill()
        for _ in range(8):
            self.server.start_without_waiting()
            time.sleep(self.chance.random() * 0.6)  # a moment to die in, not something to wait for
            self.server.kill()
        self.server.start()
        self.assertEqual(self.play("Anna").ask("get", "Anna", "n"), 7, "seed %d" % self.seed)

    def test_a_crash_publishes_nothing_anew(self):
        player = self.play("Anna")
        version = player.ask("get", "map:west", "version")
        self.crash()
        again = self.connect()
        self.assertEqual(again.ask_all("login", "Anna", "secret"), [True])
        self.assertEqual(again.ask_all("get", "map:west", "version"), [version])
        again.close()
