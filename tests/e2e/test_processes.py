"""Auth, gateway and zone server as programs of their own: what they refuse, what they wait for, how they end."""

import os
import re
import signal
import socket
from pathlib import Path

from harness.ports import free_port
from harness.process_case import PASSWORD, PROGRAMS, ProcessCase
from harness.raw import Raw, until


class Refusals(ProcessCase):
    def test_a_cluster_needs_a_database_server(self):
        for program in PROGRAMS:
            said = self.refused(program)
            self.assertIn("error: sql: is not set: the processes of a cluster share one PostgreSQL, --sql postgres://", said)

    def test_what_is_no_url_is_named_with_its_source(self):
        file = self.folder / "settings.toml"
        file.write_text('redis = "http://:%s@cache"\n' % PASSWORD)
        for program in PROGRAMS:
            said = self.refused(program, PYMMORPG_SQL="mysql://a:%s@b/c" % PASSWORD)
            expected = 'error: sql = "mysql://a:***@b/c": expected postgres://user:password@host/database (from the environment\'s PYMMORPG_SQL)'
            self.assertEqual(said, expected)
            said = self.refused(program, "--sql", self.sql, "--config", str(file))
            expected = 'error: redis = "http://:***@cache": expected redis://host:port, or rediss://host:port for TLS (from the file %s)' % file
            self.assertEqual(said, expected)
        said = self.refused("gateway", "--sql", self.sql, "--auth", "auth:7790")
        self.assertEqual(said, 'error: gateway.auth = "auth:7790": expected http://host:port (from a flag)')
        said = self.refused("zone-server", "--sql", self.sql, PYMMORPG_ZONE_SERVER__ADVERTISE="zone:1")
        self.assertIn('zone_server.advertise = "zone:1": expected http://host:port (from the environment\'s PYMMORPG_ZONE', said)

    def test_unknown_settings_are_named(self):
        file = self.folder / "unknown.toml"
        for text, key in [("lissten = 1", "lissten"), ("[auth]\nx = 1", "auth.x")]:
            file.write_text(text + "\n")
            said = self.refused("auth", "--sql", self.sql, "--config", str(file))
            self.assertTrue(said.startswith("error: %s" % key), said)
            self.assertIn(str(file), said)
        # One file serves them all: what is another's is none of ours.
        file.write_text('[gateway]\nauth = "http://auth:7790"\n[zone_server]\nadvertise = "http://zone:7800"\n')
        self.assertIn("no world has been published", self.refused("auth", "--sql", self.sql, "--config", str(file)))

    def test_a_database_that_is_not_there_is_named(self):
        nowhere = self.sql + "_nowhere"
        for program in PROGRAMS:
            said = self.refused(program, "--sql", nowhere)
            self.assertIn(nowhere.replace(PASSWORD, "***"), said)
            self.assertIn('database "%s_nowhere" does not exist' % self.database, said)
        for command in (["world", "versions"], ["account", "list"]):
            said = self.run_program("pymmorpg", *command, "--sql", nowhere)
            self.assertIn('database "%s_nowhere" does not exist' % self.database, said)

    def test_a_server_that_is_not_there_is_waited_for_and_not_for_long(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            url = "postgres://a:%s@127.0.0.1:%d/x" % (PASSWORD, nobody.getsockname()[1])
            said = self.run_program("auth", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--sql", url)
        self.assertEqual(said.count("waiting for the database"), 1, said)
        self.assertIn("error: cannot open the database %s" % url.replace(PASSWORD, "***"), said.splitlines()[-1])
        self.assertIn("refused", said.splitlines()[-1])

    def test_a_later_schema_is_refused(self):
        self.publish()
        self.postgres_run("INSERT INTO _sqlx_migrations SELECT 9999, 'later', now(), true, checksum, 1 FROM _sqlx_migrations LIMIT 1")
        for program in PROGRAMS:
            said = self.refused(program, "--sql", self.sql)
            self.assertRegex(said, re.escape("error: the schema of %s is newer than this program" % self.shown))
        said = self.run_program("pymmorpg", "account", "list", "--sql", self.sql)
        self.assertIn("is newer than this program", said)
        self.postgres_run("INSERT INTO schema_versions (version, compatible_from) VALUES (9999, 9998)")
        self.assertIn("it is schema 9999, for programs that know schema 9998 or later", self.refused("auth", "--sql", self.sql))

    def test_a_later_schema_that_can_live_with_the_program_is_none_of_its_business(self):
        """So it is while a cluster is upgraded: a process of the version before is started again."""
        self.publish()
        self.postgres_run(
            "INSERT INTO _sqlx_migrations SELECT 9999, 'later', now(), true, checksum, 1 FROM _sqlx_migrations LIMIT 1;"
            "INSERT INTO schema_versions (version, compatible_from) VALUES (9999, 5);"
            "ALTER TABLE zone_servers ADD COLUMN mood TEXT; ALTER TABLE entities ADD COLUMN mood TEXT"
        )
        auth = self.program("auth")
        auth.start()
        gateway, zone = self.program("gateway", "--auth", "http://" + auth.told["auth"]), self.program("zone-server")
        zone.start()
        gateway.start()
        host, port = gateway.told["gateway"].rsplit(":", 1)
        with Raw((host, int(port))) as player:
            self.assertIs(player.ask("new", "Anna", "secret"), True)
            self.assertIs(player.ask("set", "Anna", "gold", (5,)), True)
        for program in (gateway, zone, auth):
            self.assertIn('"the database has a later schema, with which this program can work"', program.log_text())
            program.stop()
        self.assert_no_trouble(gateway, zone, auth)

    def postgres_run(self, statement):
        self.postgres.sql.run("\\connect %s\n%s" % (self.database, statement))

    def test_a_world_must_have_been_published(self):
        for program in PROGRAMS:
            said = self.refused(program, "--sql", self.sql)
            expected = "error: no world has been published in %s; publish one with `pymmorpg world publish DIR --sql %s`"
            self.assertEqual(said, expected % (self.shown, self.shown))

    def test_a_zone_server_must_be_reachable(self):
        said = self.refused("zone-server", "--sql", self.sql, "--listen", "0.0.0.0:7800")
        self.assertIn("error: zone_server.advertise: is not set, and nobody can connect to 0.0.0.0:7800", said)
        self.assertIn("--advertise http://HOST:7800", said)

    def test_an_address_in_use_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            for program in PROGRAMS:
                said = self.refused(program, "--sql", self.sql, "--listen", address)
                self.assertIn("error: --listen %s: another program listens there" % address, said)

    def test_a_folder_and_a_database_are_two_places(self):
        said = self.refused("pymmorpg", "--sql", self.sql, PYMMORPG_DATA="./somewhere")
        self.assertIn('error: data = "./somewhere": sql is set too; choose one of them (from the environment\'s PYMMORPG_DATA)', said)
        self.run_program("pymmorpg", "account", "list", "--sql", self.sql, "--data", "./somewhere", code=2)


class Lives(ProcessCase):
    def test_each_waits_for_those_whom_it_needs(self):
        self.publish()
        auth_port, admin = free_port(), "127.0.0.1:%d" % free_port()
        gateway = self.program("gateway", "--auth", "http://127.0.0.1:%d" % auth_port, admin=admin)
        gateway.start_without_waiting()
        gateway.told = {"admin": admin}
        self.until_logged(gateway, "waiting for the account service")
        self.assertEqual(gateway.fetch("/healthz")[0], 200)
        self.assertEqual(gateway.fetch("/readyz"), (503, "auth: not ready\ndatabase: ready\ngateway: not ready\nzone-servers: not ready\n"))

        auth = self.program("auth", listen="127.0.0.1:%d" % auth_port)
        auth.start()
        self.until_logged(gateway, "waiting for a zone server")
        self.assertIn("auth: ready\n", gateway.fetch("/readyz")[1])

        zone = self.program("zone-server")
        zone.start()
        gateway.wait_until_ready()
        self.assertIn(r'"advertised":"http://%s"' % zone.told["zone_server"], zone.log_text())
        self.assertEqual(list(zone.told), ["zone_server", "admin"])
        self.assertEqual(list(auth.told), ["auth", "admin"])
        self.assertEqual(list(gateway.told), ["gateway", "admin"])
        for program in (auth, zone, gateway):
            self.assertEqual(program.fetch("/metrics")[0], 200)
            self.assertNotIn(PASSWORD, program.log_text())

        with self.connect(gateway) as player:
            self.assertIs(player.ask("new", "Anna", "secret"), True)
            self.assertIs(player.ask("move", (1, 0, 0)), True)
            self.assertIs(player.ask("set", "Anna", "gold", (5,)), True)
            self.assertEqual(player.ask("get", "Anna", "gold"), 5)
            self.assertIn("Anna", player.view())
        self.assertIn('"Anna"', self.run_program("pymmorpg", "account", "list", "--json", "--sql", self.sql, code=0))

        for program in (gateway, zone, auth):
            program.stop()
            self.assertIn('"stopped"', program.log_text())
        self.assert_no_trouble(gateway, zone, auth)

    def test_one_that_waits_can_be_stopped(self):
        self.publish()
        gateway = self.program("gateway", "--auth", "http://127.0.0.1:%d" % free_port())
        gateway.start_without_waiting()
        self.until_logged(gateway, "waiting for the account service")
        gateway.stop()
        self.assert_no_trouble(gateway)

    def test_a_second_signal_does_not_wait(self):
        self.publish()
        zone = self.program("zone-server")
        zone.start()
        # Whoever stops must write, and nobody can.
        self.postgres.send(signal.SIGSTOP)
        frozen = self.postgres_children()
        try:
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            zone.send(signal.SIGTERM)
            self.until_logged(zone, '"stopping"')

            def has_ended():
                if zone.is_running():
                    zone.send(signal.SIGTERM)
                return not zone.is_running()

            until(has_ended, "it ends")
            self.assertIn('"stopping at once"', zone.log_text())
            self.assertEqual(zone.exit_code(), 130)
        finally:
            for pid in (*frozen, self.postgres.pid):
                os.kill(pid, signal.SIGCONT)

    def postgres_children(self):
        children = Path("/proc/%d/task/%d/children" % (self.postgres.pid, self.postgres.pid))
        return [int(pid) for pid in children.read_text().split()]

    def test_a_redis_that_is_away_is_no_reason_to_wait(self):
        self.publish()
        zone = self.program("zone-server", redis="redis://:%s@127.0.0.1:%d" % (PASSWORD, free_port()))
        zone.start()
        self.assertIn("redis", "".join(zone.trouble()))
        self.assertNotIn(PASSWORD, zone.log_text())
        zone.stop()

    def test_up_is_one_of_many(self):
        """`up` on a database server publishes, serves, and takes no folder; a zone server beside it gets its share."""
        up = self.program("pymmorpg", "--world", str(self.world))
        up.start()
        self.assertEqual(up.told["sql"], self.shown)
        zone = self.program("zone-server")
        zone.start()

        def holders():
            rows = self.postgres.sql.run("\\connect %s\nSELECT DISTINCT holder FROM regions" % self.database)
            return len(rows.split())

        until(lambda: holders() == 2, "both have regions")
        host, port = up.told["listen"].rsplit(":", 1)
        with Raw((host, int(port))) as player:
            self.assertIs(player.ask("new", "Bert", "secret"), True)
            self.assertIs(player.ask("set", "Bert", "bag", [1]), True)
        zone.stop()
        up.stop()
        self.assert_no_trouble(zone, up)
        again = self.program("pymmorpg")
        again.start()
        self.assertEqual(again.told["world"]["name"], "The yard")
        with Raw((host, int(again.told["listen"].rsplit(":", 1)[1]))) as player:
            self.assertIs(player.ask("login", "Bert", "secret"), True)
            self.assertEqual(player.ask("get", "Bert", "bag"), [1])
        again.stop()
