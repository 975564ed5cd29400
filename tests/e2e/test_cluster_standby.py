"""PostgreSQL with a synchronous standby: what is answered True is on two machines, and outlives the first."""

import socket
import threading
import time

from harness.cluster_case import ClusterCase
from harness.databases import Standby
from harness.raw import until

_PLAYERS = ["Player %d" % number for number in range(12)]
#: Longest wait until a promoted standby is played on: by then its clients have connected again, and everybody who was in doubt has been claimed anew.
_RESUMED_SECONDS_MAX = 15.0


class WithStandby(ClusterCase):
    gateway_count = 1
    zone_count = 2
    is_proxied = True
    #: The database is away for a moment.
    expected_log = (r'"level":"(WARN|ERROR)"',)

    standby: Standby

    @classmethod
    def setUpClass(cls):
        path = cls.make_cluster()
        cls.standby = Standby(path, cls.cluster.postgres)
        cls.addClassCleanup(cls.standby.halt, is_immediate=True)
        cls.cluster.start_databases()
        cls.standby.create()
        cls.standby.start()
        cls.cluster.start_programs()

    def test_changes_wait_for_the_standby(self):
        with self.cluster.play("Patient") as player:
            self.assertIs(player.ask("set", player.name, "sum", 1), True)
            self.standby.halt()
            player.send_all([["set", player.name, "sum", 2], ["move", (0, 0, 0)]])
            with self.assertRaises(socket.timeout):
                player.reply(deadline=2)
            self.standby.start()
            self.assertEqual(player.results(2), [True, True])

    # The last one: nothing is what it was afterwards.
    def test_what_was_answered_true_outlives_the_primary(self):
        told: dict[str, int] = {}
        is_over = threading.Event()

        def play(name: str) -> None:
            with self.cluster.play(name, deadline=60) as player:
                while not is_over.is_set():
                    if player.ask("set", name, "count", told.get(name, 0) + 1) is True:
                        told[name] = told.get(name, 0) + 1
                    time.sleep(0.005)

        players = [threading.Thread(target=play, args=(name,)) for name in _PLAYERS]
        for player in players:
            player.start()
        try:
            until(lambda: len(told) == len(_PLAYERS) and min(told.values()) >= 20, "everybody plays")
            self.cluster.postgres.halt(is_immediate=True)
            before = dict(told)
            self.standby.promote()
            assert self.cluster.proxies is not None
            self.cluster.proxies.lead(self.cluster.sql_port, self.standby.port)
            until(lambda: all(told[name] >= count + 20 for name, count in before.items()), "everybody plays on", _RESUMED_SECONDS_MAX)
        finally:
            is_over.set()
            for player in players:
                player.join()
        rows = self.standby.sql.entities()
        self.assertEqual({name: rows[name.lower()].attributes["count"] for name in _PLAYERS}, told)
