"""The URLs of databases, which hold passwords, in files of their own, as containers are given secrets."""

from harness.process_case import PASSWORD, PROGRAMS, ProcessCase


class Secrets(ProcessCase):
    def secret(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def test_a_cluster_by_files(self):
        sql, redis = self.secret("sql", self.sql + "\n"), self.secret("redis", self.redis.url() + "\n")
        variables = {"PYMMORPG_SQL_FILE": sql, "PYMMORPG_REDIS_FILE": redis}
        self.run_program("pymmorpg", "world", "publish", str(self.world), code=0, **variables)
        self.assertIn("1", self.run_program("pymmorpg", "world", "versions", code=0, **variables))
        started = []
        for program in ("auth", "zone-server", "gateway"):
            arguments = ["--auth", "http://" + started[0].told["auth"]] if program == "gateway" else []
            one = self.program(program, *arguments, databases=variables)
            one.start()
            started.append(one)
        with self.connect(started[2]) as player:
            self.assertIs(player.ask("new", "Anna", "secret"), True)
            self.run_program("pymmorpg", "account", "grant", "Anna", "gm", code=0, **variables)
            self.assertIn('"gm"', self.run_program("pymmorpg", "account", "list", "--json", code=0, **variables))
        for one in reversed(started):
            one.stop()
            self.assertNotIn(PASSWORD, one.log_text())
            self.assertIn(r'sql=\"%s\"' % self.shown, one.log_text())
        self.assert_no_trouble(*started)
        # The file may be named in a file, and `up` takes it, too.
        file = self.secret("settings.toml", 'sql_file = "%s"\n' % sql)
        up = self.program("pymmorpg", "--config", file, databases={})
        up.start()
        self.assertEqual(up.told["sql"], self.shown)
        up.stop()
        self.assertNotIn(PASSWORD, up.log_text())

    def test_a_value_and_a_file_are_two_places(self):
        path = self.secret("sql", self.sql)
        for program in PROGRAMS:
            said = self.refused(program, "--sql", self.sql, PYMMORPG_SQL_FILE=path)
            expected = 'error: sql_file = "%s": sql is set too, from a flag; choose one of them (from the environment\'s PYMMORPG_SQL_FILE)'
            self.assertEqual(said, expected % path)
        both = {"PYMMORPG_REDIS_FILE": path, "PYMMORPG_REDIS": "redis://:%s@x" % PASSWORD}
        said = self.run_program("pymmorpg", "account", "list", **both)
        self.assertIn("redis is set too, from the environment's PYMMORPG_REDIS; choose one of them", said)
        said = self.run_program("pymmorpg", "world", "versions", PYMMORPG_SQL_FILE=path, PYMMORPG_DATA="./somewhere")
        self.assertIn('error: data = "./somewhere": sql is set too; choose one of them', said)

    def test_what_is_in_a_file_is_not_shown(self):
        wrong = self.secret("wrong", "mysql://a:%s@b/c" % PASSWORD)
        commands = [[program] for program in (*PROGRAMS, "pymmorpg")] + [["pymmorpg", "account", "list"]]
        for command in commands:
            said = self.run_program(*command, PYMMORPG_SQL_FILE=wrong)
            expected = "error: sql = ***: expected postgres://user:password@host/database (from the file %s, which sql_file names)"
            self.assertEqual(said.splitlines()[-1], expected % wrong)
            said = self.run_program(*command, PYMMORPG_SQL_FILE="/no/such/file")
            expected = "error: sql_file = \"/no/such/file\": cannot be read: No such file or directory (os error 2) (from the environment's PYMMORPG_SQL_FILE)"
            self.assertEqual(said.splitlines()[-1], expected)

    def test_health_needs_none(self):
        said = self.run_program("gateway", "health", "--admin-listen", "127.0.0.1:1", PYMMORPG_SQL_FILE="/no/such/file")
        self.assertIn("nobody answers", said)
