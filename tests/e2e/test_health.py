"""`health` of each program: how the checks of containers ask the process beside them."""

import json
import signal

from harness.ports import free_port
from harness.process_case import PROGRAMS, ProcessCase


class Health(ProcessCase):
    def health(self, program, *arguments, code=0, **variables):
        return self.run_program(program, "health", *arguments, code=code, **variables)

    def test_what_is_missing_is_named(self):
        self.publish()
        admin = "127.0.0.1:%d" % free_port()
        gateway = self.program("gateway", "--auth", "http://127.0.0.1:%d" % free_port(), admin=admin)
        gateway.start_without_waiting()
        self.until_logged(gateway, "waiting for the account service")
        at = ["--admin-listen", admin]
        self.assertEqual(self.health("gateway", *at, code=1), "not ready: auth, gateway, zone-servers\n")
        said = json.loads(self.health("gateway", *at, "--json", code=1))
        self.assertEqual(said, {"ready": False, "missing": ["auth", "gateway", "zone-servers"]})
        self.assertEqual(self.health("gateway", *at, "--live"), "alive\n")
        self.assertEqual(json.loads(self.health("gateway", *at, "--live", "--json")), {"live": True})
        gateway.stop()

    def test_it_is_found_by_its_own_settings(self):
        """Those of a container, whose environment the check shares: it listens everywhere, and has no database that the check could reach."""
        self.publish()
        for program in ("auth", "zone-server"):
            port = free_port()
            started = self.program(program, admin="0.0.0.0:%d" % port)
            started.start()
            file = self.folder / ("health-%s.toml" % program)
            file.write_text('admin_listen = "0.0.0.0:%d"\nsql = "postgres://nobody:%s@nowhere/x"\n' % (port, "secret"))
            self.assertEqual(self.health(program, "--config", str(file)), "ready\n")
            self.assertEqual(self.health(program, PYMMORPG_ADMIN_LISTEN="0.0.0.0:%d" % port), "ready\n")
            # Later ones win, as everywhere.
            said = self.health(program, "--config", str(file), PYMMORPG_ADMIN_LISTEN="127.0.0.1:%d" % free_port(), code=1)
            self.assertIn("nobody answers", said)
            self.assertEqual(json.loads(self.health(program, "--admin-listen", "127.0.0.1:%d" % port, "--json")), {"ready": True, "missing": []})
            started.stop()

    def test_of_all_in_one(self):
        up = self.program("pymmorpg", "--world", str(self.world))
        up.start()
        self.assertEqual(self.health("pymmorpg", "--admin-listen", up.admin), "ready\n")
        up.stop()

    def test_nobody_answers(self):
        address = "127.0.0.1:%d" % free_port()
        for program in ("pymmorpg", *PROGRAMS):
            said = self.health(program, PYMMORPG_ADMIN_LISTEN=address, code=1)
            self.assertRegex(said, r'^error: admin_listen = "%s": nobody answers: Connection refused .*PYMMORPG_ADMIN_LISTEN\)$' % address)

    def test_one_that_hangs_is_not_waited_for(self):
        self.publish()
        auth = self.program("auth")
        auth.start()
        auth.send(signal.SIGSTOP)
        try:
            for only in ([], ["--live"]):
                said = self.health("auth", "--admin-listen", auth.admin, *only, code=1)
                self.assertIn("nobody answers: no answer within 2s (from a flag)", said)
        finally:
            auth.send(signal.SIGCONT)
        self.assertEqual(self.health("auth", "--admin-listen", auth.admin), "ready\n")

    def test_what_cannot_be_asked(self):
        self.assertIn('error: admin_listen = "127.0.0.1:0": is any port that was free', self.health("gateway", "--admin-listen", "127.0.0.1:0", code=1))
        self.assertIn("error: admin_listen = \"here\"", self.health("auth", PYMMORPG_ADMIN_LISTEN="here", code=1))
        self.assertIn("cannot read the settings file /no/such", self.health("auth", "--config", "/no/such", code=1))
        self.health("gateway", "--listen", "127.0.0.1:7777", code=2)
