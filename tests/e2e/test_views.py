"""What `update` shows: who comes, moves, speaks and leaves, as far as one can see."""

import time

from harness.case import YardCase
from harness.raw import until


class Views(YardCase):
    def test_the_dict_of_an_entity(self):
        player = self.play("Model")
        view = player.view()
        self.assertEqual(view[player.name], {"pos": (4.0, 4.0, 0), "name": player.name, "visual": "gardener", "hp": 100})
        x, y, z = view[player.name]["pos"]
        self.assertEqual((type(x), type(y), type(z)), (float, float, int))

    def test_those_who_belong_to_the_map(self):
        player = self.play("Visitor")
        (npc,) = (entity for entity in player.view().values() if entity["visual"] == "npc-gardener")
        self.assertEqual(npc["pos"], (6.5, 4.5, 0))
        self.assertIn("Gardener", npc["name"])
        self.assertEqual(player.ask("get", npc["name"], "visual"), "npc-gardener")
        self.assertEqual(player.ask("get", npc["name"], "pos"), npc["pos"])

    def test_coming_moving_and_leaving(self):
        watcher = self.play("Watcher")
        name = self.name("Guest")
        self.assertNotIn(name, watcher.view())
        for _ in range(3):
            guest = self.login(name)
            self.until_seen(watcher, name, lambda seen: seen["pos"] == guest.position())
            guest.walk(1, 0.5)
            place = guest.position()
            self.until_seen(watcher, name, lambda seen: seen["pos"] == place)
            guest.close()
            self.until_unseen(watcher, name, deadline=5)
            self.assertIs(watcher.ask("get", name, "pos"), None, "who has left is not there")

    def test_the_first_view_is_whole(self):
        """Who logs in sees at once who is there, without asking twice."""
        host = self.play("Host")
        host.walk(3, 3)
        guest = self.connect()
        name = self.name("Guest")
        for request in (["new", name, "secret"], ["login", name, "secret"]):
            done, view = guest.pipeline(request, ["update"])
            self.assertIs(done, True)
            self.assertLessEqual({host.name, name}, {entity["name"] for entity in view})

    def test_changes_are_seen_by_others(self):
        watcher, player = self.play("Watcher"), self.play("Peacock")
        for n in range(5):
            self.assertIs(player.ask("set", player.name, "visual", "plumage %d" % n), True)
            self.assertEqual(player.view()[player.name]["visual"], "plumage %d" % n, "one's own are seen at once")
            self.until_seen(watcher, player.name, lambda seen: seen["visual"] == "plumage %d" % n)

    def test_what_is_not_for_update_is_not_in_it(self):
        player = self.play("Private")
        for attribute in ("gold", "diary", "note", "fate"):
            player.ask("set", player.name, attribute, 1)
        self.assertEqual(set(player.view()[player.name]), {"pos", "name", "visual", "hp"})

    def test_the_distance_is_a_square(self):
        watcher, player = self.play("Watcher"), self.play("Wanderer")
        watcher.walk_to(1.5, 13.5)
        for (x, y), is_seen in (
            ((11.0, 8.5), True),
            ((12.0, 8.5), False),
            ((11.0, 7.5), True),
            ((6.5, 3.0), False),
            ((6.5, 4.0), True),
            ((11.0, 8.5), True),
        ):
            player.walk_to(player.position()[0], 8.5)  # a row without walls
            player.walk_to(x, 8.5)
            player.walk_to(x, y)
            if is_seen:
                self.until_seen(watcher, player.name, lambda seen: seen["pos"] == (x, y, 0))
                self.assertIn(watcher.name, player.view())
            else:
                self.until_unseen(watcher, player.name)
                self.assertNotIn(watcher.name, player.view())

    def test_the_view_goes_over_borders_and_maps(self):
        watcher, player = self.play("Watcher"), self.play("Wanderer")
        watcher.walk_to(21.5, 8.5)
        player.walk_to(28.5, 9.5)
        self.until_seen(watcher, player.name, lambda seen: seen["pos"] == (28.5, 9.5, 0))
        self.until_seen(player, watcher.name)

    def test_the_view_of_one_who_walks(self):
        """Those who stand still come into view and go out of it with each step that one takes oneself."""
        posts = {}
        for x in (3.25, 9.25, 15.25, 21.25, 27.25):
            post = self.play("Post")
            post.walk_to(x, 8.5)
            post.walk_to(x, 12.5)
            posts[post.name] = x
        walker = self.play("Walker")
        walker.walk_to(2.5, 10.5)
        for x in range(3, 33):
            walker.walk(1, 0)
            wanted = {name for name, place in posts.items() if abs(place - (x + 0.5)) <= 10}
            until(lambda: set(walker.view()) & set(posts) == wanted, "at %d the posts in view are %r" % (x, wanted))

    def test_a_crowd(self):
        players = [self.play("Crowd") for _ in range(30)]
        names = {player.name for player in players}
        for number, player in enumerate(players):
            player.walk(number % 5 / 2, number // 5 / 2)
        places = {player.name: player.position() for player in players}

        def sees_all(player):
            view = player.view()
            return {name: view[name]["pos"] for name in names & set(view)} == places

        for player in players:
            until(lambda: sees_all(player), "%s sees everybody where they are" % player.name)


class Chat(YardCase):
    def test_what_is_said_is_heard_and_ends(self):
        speaker, hearer = self.play("Speaker"), self.play("Hearer")
        begin = time.monotonic()
        self.assertIs(speaker.ask("set", speaker.name, "say", "good morning"), True)
        self.assertEqual(speaker.view()[speaker.name].get("say"), "good morning")
        self.until_seen(hearer, speaker.name, lambda seen: seen.get("say") == "good morning")
        heard = time.monotonic() - begin
        self.until_seen(hearer, speaker.name, lambda seen: "say" not in seen)
        ended = time.monotonic() - begin
        self.assertLess(heard, 1.0)
        self.assertGreater(ended, 0.9, "it lives for a second")
        self.assertLess(ended, 3.0)
        self.assertNotIn("say", speaker.view()[speaker.name])
        self.assertIs(hearer.ask("get", speaker.name, "say"), None)

    def test_saying_more_begins_the_time_anew(self):
        speaker, hearer = self.play("Speaker"), self.play("Hearer")
        begin = time.monotonic()
        n = 0
        while time.monotonic() - begin < 2.5:
            self.assertIs(speaker.ask("set", speaker.name, "say", "word %d" % n), True)
            self.assertEqual(speaker.view()[speaker.name]["say"], "word %d" % n)
            self.until_seen(hearer, speaker.name, lambda seen: seen.get("say") == "word %d" % n)
            n += 1
        self.until_seen(hearer, speaker.name, lambda seen: "say" not in seen, deadline=3)

    def test_only_text_is_said_and_only_by_oneself(self):
        speaker, other = self.play("Speaker"), self.play("Other")
        for value in (5, None, ["text"], b"\xff", (1,), True):
            self.assertIs(speaker.ask("set", speaker.name, "say", value), False, value)
        self.assertIs(other.ask("set", speaker.name, "say", "I am a fool"), False)
        self.assertNotIn("say", speaker.view()[speaker.name])
