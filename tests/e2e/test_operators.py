"""What an operator asks of a cluster that runs: who is there, and that one of them hands over what it has."""

import json
import subprocess
import threading

from harness.case import YardCase
from harness.cluster_case import ClusterCase
from harness.raw import DEADLINE, until
from harness.server import BINARY, run_command


class ClusterStatus(ClusterCase):
    zone_count = 2

    def status(self):
        return json.loads(self.cluster.command("cluster", "status", "--json"))

    def until_status(self, holds, what):
        """Waits for a status of which something holds, and returns it."""

        def look():
            status = self.status()
            return status if holds(status) else None

        return until(look, what, pause=0.3)

    def test_all_that_is_there(self):
        players = [self.play("Player", gateway=number) for number in (0, 0, 1)]
        by_port = {gateway.port: count for gateway, count in zip(self.cluster.gateways, (2, 1))}

        def counted(status):
            return {int(one["address"].rsplit(":", 1)[1]): one["players"] for one in status["gateways"]} == by_port

        status = self.until_status(counted, "each gateway tells how many play by it")
        self.assertEqual(status["players"], 3)
        self.assertEqual(status["findings"], [])
        self.assertEqual([one["state"] for one in status["auth"]], ["live"])

        shares, servers = self.cluster.shares(), self.cluster.sql.zone_servers()
        for zone in self.cluster.zones:
            [found] = [one for one in status["zone_servers"] if one["address"] == zone.url]
            self.assertEqual(found["id"], "%016x" % servers[zone.url])
            self.assertEqual((found["state"], found["regions"]), ("live", shares[zone.name]))
            self.assertEqual(found["admin"], zone.admin)
            self.assertEqual((found["maps_behind"], found["content"]), (0, status["content"]["version"]))
            self.assertLess(found["silent_ms"], 2_000)
            self.assertLess(found["started_ms"], status["at_ms"])
            self.assertTrue(found["version"])
        self.assertEqual(len(status["zone_servers"]), 2)
        self.assertEqual(sum(one["rows"] for one in status["zone_servers"]), len(self.cluster.sql.column(
            "SELECT key FROM entities WHERE present = 1 AND gone_ms IS NULL")))

        cells = self.plain.columns * self.plain.rows
        self.assertEqual(status["regions"]["held"], status["regions"]["total"])
        self.assertGreaterEqual(status["regions"]["total"], cells)
        self.assertEqual((status["regions"]["without_holder"], status["rows_without_owner"]), ([], 0))
        schema = status["schema"]
        self.assertEqual(schema["version"], self.cluster.sql.column("SELECT max(version) FROM _sqlx_migrations")[0])
        self.assertLessEqual(schema["compatible_from"], schema["known"])
        self.assertEqual(status["redis"]["answers"], True)
        self.assertNotIn("secret", json.dumps(status))
        del players

    def test_it_is_a_table_for_people(self):
        text = self.cluster.command("cluster", "status")
        for zone in self.cluster.zones:
            self.assertIn("%016x" % self.cluster.incarnation(zone), text)
        for word in ("all is well", "zone server", "heartbeat", "players", "schema"):
            self.assertIn(word, text)
        self.assertNotIn("secret", text)
        self.assertNotRegex(text, r"\x1b")

    def test_who_has_died_is_shown_and_who_has_ended_is_not(self):
        gateway = self.cluster.gateways[1]
        address = "127.0.0.1:%d" % gateway.port
        of_it = lambda status: [one["state"] for one in status["gateways"] if one["address"] == address]
        gateway.stop()
        self.assertEqual(of_it(self.status()), [])
        gateway.start()
        self.until_status(lambda status: of_it(status) == ["live"], "it is there again")
        gateway.kill()
        status = self.until_status(lambda status: of_it(status) == ["dead"], "it is dead")
        self.assertIn("gateway %s has died, or cannot reach the database" % address, status["findings"])
        self.assertIn("gateway %s has died" % address, self.cluster.command("cluster", "status"))
        gateway.start()
        status = self.until_status(lambda status: sorted(of_it(status)) == ["dead", "live"], "its next run is another one")
        self.assertEqual(status["findings"], [], "it has been started again")
        # So that the next test finds none of it.
        self.cluster.sql.run("DELETE FROM processes WHERE heartbeat_ms < (SELECT max(heartbeat_ms) FROM processes) - 10000")

    def test_a_redis_that_is_away_is_said(self):
        status = json.loads(run_command("cluster", "status", "--json", "--sql", self.cluster.postgres.url()))
        self.assertIsNone(status["redis"])
        said = run_command("cluster", "status", "--json", "--sql", self.cluster.postgres.url(), "--redis", "redis://:secret@127.0.0.1:9")
        status = json.loads(said[said.index("{"):])
        self.assertEqual(status["redis"], {"url": "redis://:***@127.0.0.1:9", "answers": False, "took_ms": None})
        self.assertTrue(any("redis://:***@127.0.0.1:9 does not answer" in finding for finding in status["findings"]))


class Drain(ClusterCase):
    zone_count = 3
    #: Who is killed here.
    expected_log = (r"stream to zone server broke",)

    def drain(self, *arguments, code=0):
        return run_command("zone", "drain", *arguments, "--sql", self.cluster.postgres.url(), code=code)

    def test_it_hands_over_while_people_play(self):
        self.revive()
        zone = self.cluster.zones[0]
        share = self.cluster.shares()[zone.name]
        (x, y), me = self.place_of(zone), self.cluster.incarnation(zone)
        player = self.play_at("Drained", x, y)
        self.until_owned_by(player, zone)
        self.assertIs(player.ask("set", player.name, "bag", [1, 2]), True)
        is_over, failures, moves = threading.Event(), [], []

        def play():
            try:
                while not is_over.is_set():
                    moves.append(player.ask("move", (0.01, 0, 0)))
            except Exception as error:
                failures.append(repr(error))

        thread = threading.Thread(target=play)
        thread.start()
        try:
            told = json.loads(self.drain("%016x" % me, "--json"))
        finally:
            is_over.set()
            thread.join()
        self.assertEqual((told["id"], told["address"], told["regions"]), ("%016x" % me, zone.url, share))
        zone.wait_until_ended()
        self.assertEqual(failures, [])
        self.assertNotIn(False, moves)
        self.assertEqual(player.ask("get", player.name, "bag"), [1, 2])
        self.assertNotIn(me, self.cluster.sql.holders().values())
        self.assertIn("an operator wants the regions handed over", zone.log_text())
        # It comes back as another one, and gets its share.
        zone.start()
        self.cluster.wait_until_settled()
        self.assertNotEqual(self.cluster.incarnation(zone), me)

    def place_of(self, zone):
        """The middle of an inner cell of a zone server."""
        cell, me, holders = self.plain.cell, self.cluster.incarnation(zone), self.cluster.sql.holders()
        for column, row in self._inner_cells():
            if holders["0:%d:%d" % (column, row)] == me:
                return (column + 0.5) * cell, (row + 0.5) * cell
        raise AssertionError("it has no inner cell")

    def test_by_its_address_for_people(self):
        self.revive()
        zone = self.cluster.zones[1]
        said = self.drain(zone.url)
        self.assertIn("%s has handed over" % zone.url, said)
        zone.wait_until_ended()

    def test_who_is_not_there_is_named(self):
        self.revive()
        said = self.drain("zzzz", code=1)
        self.assertIn('there is no zone server "zzzz" that is alive; those that are: ', said)
        for zone in self.cluster.zones:
            self.assertIn("%016x (%s)" % (self.cluster.incarnation(zone), zone.url), said)

    def test_the_last_one_is_not_drained_by_mistake(self):
        self.revive()
        last, *others = self.cluster.zones
        for zone in others:
            zone.stop()
        self.cluster.wait_until_shared()
        said = self.drain("%016x" % self.cluster.incarnation(last), code=1)
        self.assertIn("is the last zone server that is alive and stays", said)
        self.assertIn("--force", said)
        self.assertTrue(last.is_running())
        asked = self.cluster.sql.column("SELECT drain_requested_ms FROM zone_servers WHERE incarnation = %d" % self.cluster.incarnation(last))
        self.assertEqual(asked, [None])
        self.drain("%016x" % self.cluster.incarnation(last), "--force")
        last.wait_until_ended()
        self.assertEqual(set(self.cluster.sql.holders().values()), {None})
        status = json.loads(self.cluster.command("cluster", "status", "--json"))
        self.assertEqual(status["regions"]["held"], 0)
        self.assertEqual(len(status["regions"]["without_holder"]), min(100, status["regions"]["total"]))
        self.assertIn("no zone server is alive", status["findings"])

    def test_one_of_an_earlier_version_is_not_waited_for(self):
        """It knows nothing of drains, and does not list itself either."""
        self.revive()
        # As one that leaves it is given nothing.
        self.cluster.sql.run(
            "INSERT INTO zone_servers (incarnation, address, leaving, heartbeat_ms) SELECT 7, 'http://old:1', 1, max(heartbeat_ms) FROM zone_servers"
        )
        said = self.drain("http://old:1", code=1)
        self.assertIn("http://old:1 (0000000000000007) is of an earlier version, which does not hear this: stop it by SIGTERM", said)

    def test_one_that_cannot_is_not_waited_for_for_ever(self):
        self.revive()
        zone = self.cluster.zones[2]
        me = self.cluster.incarnation(zone)
        zone.kill()
        # It is not known to be dead before its time to live has passed.
        said = self.drain("%016x" % me, code=1)
        self.assertRegex(said, "has died, or cannot reach the database|there is no zone server")


class Embedded(YardCase):
    def test_the_status_of_one_process(self):
        self.play("Anna")

        def look():
            status = json.loads(self.server.command("cluster", "status", "--json"))
            return status if status["players"] == 1 and not status["findings"] else None

        status = until(look, "it tells who plays", pause=0.3)
        self.assertEqual(status["regions"]["held"], status["regions"]["total"])
        self.assertEqual([len(status[kind]) for kind in ("zone_servers", "gateways", "auth")], [1, 1, 1])
        self.assertEqual({status[kind][0]["admin"] for kind in ("zone_servers", "gateways", "auth")}, {"%s:%d" % self.server.admin})
        self.assertIn("all is well", self.server.command("cluster", "status"))

    def test_its_only_zone_server_is_not_drained_by_mistake(self):
        status = json.loads(self.server.command("cluster", "status", "--json"))
        said = self.server.command("zone", "drain", status["zone_servers"][0]["id"][:8], code=1)
        self.assertIn("is the last zone server", said)

    def test_a_folder_without_data_is_none(self):
        done = subprocess.run(
            [BINARY, "cluster", "status", "--data", str(self.folder / "nothing")], stderr=subprocess.PIPE, timeout=DEADLINE, text=True
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no data in", done.stderr)
