"""What game masters do over borders between zone servers."""

from harness.cluster_case import ClusterCase
from harness.plain import Plain
from harness.raw import until

SAGE = "Sage#plain"


class Creatures(ClusterCase):
    plain = Plain(columns=12, rows=12, cell=8, view_distance=6, near=10, gold=100, sage=(20, 20))

    def test_an_npc_that_is_put_over_a_border_is_seen_all_the_time_and_once(self):
        """By those on both sides, at both gateways."""
        x, y = self.borders()[0]
        master = self.game_master()
        self.assertIs(master.ask("edit", ["teleport", [SAGE, (x - 3, y, 0)]]), True)
        watchers = [self.play_at("Watcher", x + east, y + 1, gateway=gateway) for east in (-1, 1) for gateway in (0, 1)]
        for watcher in watchers:
            self.until_seen(watcher, SAGE, lambda seen: seen["pos"] == (x - 3, y, 0))
        with self.seen_all_the_time(watchers, SAGE, more_views_than=10):
            for east in (3, -3) * 5:
                self.assertIs(master.ask("edit", ["teleport", [SAGE, (x + east, y, 0)]]), True)
        for watcher in watchers:
            self.until_seen(watcher, SAGE, lambda seen: seen["pos"] == (x - 3, y, 0))
            self.assertEqual(watcher.ask("get", SAGE, "pos"), (x - 3, y, 0))

    def test_an_npc_is_at_home_again_when_its_map_is_taken_afresh_wherever_that_is_done(self):
        master = self.game_master()
        # Who is in the region of its home is at home, wherever it stands there.
        home = self.plain.region_at(*self.plain.sage)
        for x, y in [(x, y) for x, y in self.borders() if self.plain.region_at(x + 3, y) != home][:3]:
            self.assertIs(master.ask("edit", ["teleport", [SAGE, (x + 3, y, 0)]]), True)
            self.assertEqual(master.ask("get", SAGE, "pos"), (x + 3, y, 0))
            self.assertIs(master.ask("edit", ["reload", ["plain"]]), True)
            # What the other zone servers have done is told by streams of their own, which the answer does not wait for.
            until(lambda: master.ask("get", SAGE, "pos") == (20.5, 20.5, 0), "it is at home")
