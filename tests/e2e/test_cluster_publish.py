"""A world that is published while a cluster serves it: nobody is disconnected, everybody is told once, and everything of it is in force everywhere."""

import json
import shutil

from harness import yard
from harness.cluster_case import ClusterCase
from harness.raw import until

_SCRIPT = "return function(me)\n    while true do\n        me:say('%s')\n        me:sleep(10)\n    end\nend\n"


class Publish(ClusterCase):
    zone_count = 2

    def publish(self, folder):
        self.cluster.command("world", "publish", str(folder))

    def copy(self, name):
        folder = self.cluster.folder / name
        shutil.copytree(self.cluster.world, folder)
        (folder / "behaviours").mkdir(exist_ok=True)
        return folder

    def test_by_every_gateway_and_on_every_zone_server(self):
        world = self.copy("world 2")
        (world / "behaviours" / "herald.lua").write_text(_SCRIPT % "Old news!")
        self.publish(world)

        # Somebody at each gateway on each zone server, and one who has not logged in at each gateway.
        x, y = self.borders()[0]
        players = [self.play_at("Player", x + 1.5 * side, y, gateway=gateway) for gateway in (0, 1) for side in (-1, 1)]
        strangers = [self.connect(gateway=gateway) for gateway in (0, 1)]
        self.assertNotEqual(*(self.owner_of(player.name) for player in players[:2]))
        master = self.game_master()
        heralds = [(self.name("Herald"), (x + side, y + 1, 0)) for side in (-1, 1)]
        for name, place in heralds:
            until(lambda: master.ask("edit", ["spawn", [name, place, {}, "herald.lua"]]), "%s is put there" % name)
        for player in players:
            for name, _ in heralds:
                self.until_seen(player, name, lambda seen: seen.get("say") == "Old news!")
        for connection in (*players, *strangers):
            until(lambda: connection.ask_all("ver") == [yard.VERSION], "what was flagged before is taken")
            connection.flags.clear()

        newer = self.cluster.folder / "world 3"
        shutil.copytree(world, newer)
        (newer / "behaviours" / "herald.lua").write_text(_SCRIPT % "New news!")
        (newer / "client" / "VERSION").write_text("9.0.0\n")
        (newer / "client" / "new.py").write_text("print('new')\n")
        drawing = [["."] * self.plain.width for _ in range(self.plain.height)]
        drawing[3][5] = "#"
        objects = self.plain._objects()
        (newer / "plain.tmx").write_text(yard.tmx("plain", "\n".join(map("".join, drawing)), objects))
        self.publish(newer)

        for connection in (*players, *strangers):
            until(lambda: connection.ask("ver") == "9.0.0" and len(connection.flags) >= 2, "both flags come")
            connection.flags.sort()
            self.assert_flags(connection, "client", "map")
            image = dict(connection.ask("upgrade"))
            self.assertEqual(image["VERSION"], b"9.0.0\n")
            self.assertEqual(image["new.py"], b"print('new')\n")
            self.assertEqual(dict(image["maps"])["plain.tmx"], (newer / "plain.tmx").read_bytes())
        for player in players:
            for name, _ in heralds:
                self.until_seen(player, name, lambda seen: seen.get("say") == "New news!")
            self.assertIs(player.ask("set", player.name, "gold", (1,)), True)
        # Each once, at both gateways.
        for connection in (*players, *strangers):
            self.assert_no_flags(connection, seconds=0.7)

        def is_everywhere():
            status = json.loads(self.cluster.command("cluster", "status", "--json"))
            current = status["content"]["version"]
            served = [one["content"] for one in (*status["zone_servers"], *status["gateways"])]
            return served == [current] * 4 and not status["findings"]

        until(is_everywhere, "operators see it everywhere", pause=0.3)
