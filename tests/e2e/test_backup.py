"""Backups that are written while people play, and brought back: rehearsed on both databases, as an operator would do it."""

import json
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from harness.cluster_case import ClusterCase
from harness.raw import DEADLINE, Closed, until
from harness.restarts import RestartCase
from harness.server import BINARY, run_command


class Bot(threading.Thread):
    """Counts upwards, and knows up to where it was told that it had."""

    def __init__(self, player):
        super().__init__(daemon=True)
        self.player = player
        self.told = self.asked = 0
        self.is_over = threading.Event()
        self.failures = []
        self.start()

    def run(self):
        try:
            while not self.is_over.is_set():
                self.asked += 1
                if self.player.ask("set", self.player.name, "n", self.asked) is not True:
                    self.failures.append(self.asked)
                self.told = self.asked
        except (Closed, OSError) as error:
            if not self.is_over.is_set():
                self.failures.append(repr(error))

    def stop(self):
        self.is_over.set()
        self.join()


class Rehearsal:
    """What is common to both. `self.map_name` is where a tile is edited, and `self.place` is where somebody is put there."""

    bot_count = 3

    def rehearse(self, back_up, restore, stop, start):
        master = self.game_master()
        quiet = self.play("Quiet")
        for name, value in (("bag", ["rope", 3, (1.5, None)]), ("gold", (7,))):
            self.assertIs(quiet.ask("set", quiet.name, name, value), True)
        owned = {name: quiet.ask("get", quiet.name, name) for name in ("bag", "gold", "pos")}
        edit = ("Ground", 3, 4, 9)
        self.assertIs(master.ask("edit", ["tile", [self.map_name, *edit]]), True)
        self.assertIs(master.ask("edit", ["spawn", ["Statue", self.place, {"note": "old"}]]), True)
        bots = [Bot(self.play("Bot %d" % number)) for number in range(self.bot_count)]
        until(lambda: all(bot.told > 10 for bot in bots), "the bots play")

        told = [bot.told for bot in bots]
        back_up()
        asked = [bot.asked for bot in bots]
        until(lambda: all(bot.told > known for bot, known in zip(bots, asked)), "they play on")
        for bot in bots:
            bot.stop()
        self.assertEqual([bot.failures for bot in bots], [[] for _ in bots])

        # What will never have been.
        self.assertIs(quiet.ask("set", quiet.name, "bag", "stolen"), True)
        self.assertIs(master.ask("edit", ["tile", [self.map_name, "Ground", 3, 4, 2]]), True)
        self.assertIs(master.ask("edit", ["despawn", ["Statue"]]), True)
        late = self.play("Late")
        names, passwords = [bot.player.name for bot in bots], quiet.password
        for connection in (master, quiet, late, *(bot.player for bot in bots)):
            connection.close()
        stop()
        restore()
        start()

        self.assertIs(self.connect().ask("login", late.name, passwords), False, "it has not been made yet")
        again = self.login(quiet.name)
        self.assertEqual({name: again.ask("get", again.name, name) for name in owned}, owned)
        until(lambda: edit in again.ask("get", "map:" + self.map_name, "edits"), "the tile is as it was")
        self.assertEqual(len(again.ask("get", "map:" + self.map_name, "edits")), 1)
        self.assertEqual(again.ask("get", "Statue", "note"), "old")
        for name, least, most in zip(names, told, asked):
            bot = self.login(name)
            counted = bot.ask("get", name, "n")
            self.assertTrue(least <= counted <= most, "%s: %d is not within %d and %d" % (name, counted, least, most))
            self.assertIs(bot.ask("set", name, "n", counted + 1), True)
            bot.close()
        # A game master is one still, and whoever comes now is new.
        master = self.login(master.name)
        until(lambda: master.ask("edit", ["teleport", [master.name, master.position()]]), "a game master is one still")
        self.assertIs(master.ask("edit", ["despawn", ["Statue"]]), True)
        self.assertIs(self.connect().ask("new", late.name, "another"), True)

    def until_well(self, *place):
        """Waits until every region and everybody has a holder."""

        def is_well():
            status = json.loads(run_command("cluster", "status", "--json", *place))
            return status["regions"]["held"] == status["regions"]["total"] and status["rows_without_owner"] == 0 and not status["findings"]

        until(is_well, "a holder for everything", pause=0.3)


class Embedded(Rehearsal, RestartCase):
    map_name = "west"
    place = (7.5, 7.5, 0)

    def login(self, name):
        return self.play(name)

    def test_a_data_folder(self):
        backup = self.folder / "backup.sqlite"
        data = ("--data", str(self.server.data))

        def back_up():
            told = json.loads(run_command("backup", str(backup), "--json", *data))
            self.assertEqual((told["file"], told["bytes"]), (str(backup), backup.stat().st_size))
            said = run_command("restore", str(backup), "--replace", *data, code=1)
            self.assertIn("in use by another pymmorpg process", said)

        def restore():
            said = run_command("restore", str(backup), *data, code=1)
            self.assertIn("is not empty", said)
            self.assertIn("--replace", said)
            self.assertIn("pymmorpg up --data", run_command("restore", str(backup), "--replace", *data))
            # What was published is in it too.
            self.server.world = None

        self.rehearse(back_up, restore, self.server.stop, self.server.start)
        self.until_well(*data)

    def test_another_folder(self):
        self.play("Anna").close()
        backup, other = self.folder / "backup.sqlite", self.folder / "other"
        run_command("backup", str(backup), "--data", str(self.server.data))
        self.assertIn("is there already", run_command("backup", str(backup), "--data", str(self.server.data), code=1))
        run_command("restore", str(backup), "--data", str(other))
        accounts = json.loads(run_command("account", "list", "--json", "--data", str(other)))
        self.assertEqual([account["name"] for account in accounts], ["Anna"])
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["backup.sqlite", "data", "other", "world"])


class OnPostgres(Rehearsal, ClusterCase):
    map_name = "plain"
    zone_count = 2

    @property
    def place(self):
        x, y, z = self.plain.start
        return (x + 1, y + 1, z)

    def test_a_cluster(self):
        cluster, backup = self.cluster, self.cluster.folder / "backup.dump"
        sql = ("--sql", cluster.postgres.url())

        def back_up():
            told = json.loads(run_command("backup", str(backup), "--json", *sql))
            self.assertEqual((told["file"], told["bytes"]), (str(backup), backup.stat().st_size))
            said = run_command("restore", str(backup), "--replace", *sql, code=1)
            for program in (*cluster.zones, *cluster.gateways):
                self.assertIn(str(program.port), said)
            self.assertIn("is in use", said)
            self.assertNotIn("secret", said)

        def stop():
            for program in (*cluster.gateways, *cluster.zones, cluster.auth):
                program.stop()

        def restore():
            self.assertIn("is not empty", run_command("restore", str(backup), *sql, code=1))
            run_command("restore", str(backup), "--replace", *sql)

        self.rehearse(back_up, restore, stop, cluster.start_programs)
        self.until_well(*sql)

    def test_a_tool_that_is_missing_or_too_old_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            backup = Path(folder) / "backup.dump"

            def said(path):
                command = [BINARY, "backup", str(backup), "--sql", self.cluster.postgres.url()]
                done = subprocess.run(command, env={"PATH": path}, stderr=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, 1)
                self.assertFalse(backup.exists())
                return done.stderr

            self.assertIn("error: pg_dump: it is not in the PATH; it comes with PostgreSQL's client programs", said(folder))
            old = Path(folder) / "pg_dump"
            old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
            old.chmod(0o755)
            self.assertRegex(said(folder + ":/bin"), r"error: pg_dump: it is of version 9, and the server of \d+: it must not be older")

    def test_one_that_is_interrupted_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            slow, backup = Path(folder) / "bin" / "pg_dump", Path(folder) / "backup.dump"
            slow.parent.mkdir()
            slow.write_text('#!/bin/sh\n[ "$1" = --version ] && exec %s --version\necho $$ > "$0.pid"\nexec sleep 600\n' % shutil.which("pg_dump"))
            slow.chmod(0o755)
            command = [BINARY, "backup", str(backup), "--sql", self.cluster.postgres.url()]
            environment = {"PATH": "%s:/bin:/usr/bin" % slow.parent}
            with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
                pid = Path("%s.pid" % slow)
                until(lambda: pid.exists() and pid.read_text().strip(), "it has begun")
                self.assertEqual(len(list(Path(folder).glob("*.partial"))), 1)
                child.send_signal(signal.SIGTERM)
                self.assertEqual(child.wait(DEADLINE), 1)
                self.assertIn("error: SIGTERM: it was not done, and nothing was changed", child.stderr.read())
            self.assertEqual([path.name for path in Path(folder).iterdir()], ["bin"])
            until(lambda: not Path("/proc/%s" % pid.read_text().strip()).exists(), "pg_dump has ended too")

    def test_the_password_is_on_no_command_line(self):
        with tempfile.TemporaryDirectory() as folder:
            spy = Path(folder) / "pg_dump"
            spy.write_text('#!/bin/sh\necho "$@" >> "$0.arguments"\necho "$PGPASSWORD" >> "$0.passwords"\nexec %s "$@"\n' % shutil.which("pg_dump"))
            spy.chmod(0o755)
            command = [BINARY, "backup", folder + "/backup.dump", "--sql", self.cluster.postgres.url()]
            done = subprocess.run(command, env={"PATH": folder + ":/bin:/usr/bin"}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("secret", (Path(folder) / "pg_dump.arguments").read_text())
            self.assertIn("secret", (Path(folder) / "pg_dump.passwords").read_text())
