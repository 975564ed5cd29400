"""The client image: what is in it, and that nobody who downloads it costs the others anything."""

import json
import os
import threading
import time

from harness import yard
from harness.case import YardCase
from harness.raw import DEADLINE, Closed, frame, until


def files(entries, prefix=""):
    """`{folder/name: data}` of an image, whose shape is checked on the way."""
    found = {}
    assert type(entries) is list, type(entries)
    for entry in entries:
        assert type(entry) is tuple and len(entry) == 2 and type(entry[0]) is str, entry
        name, data = entry
        assert name and "/" not in name and "\\" not in name and name not in (".", ".."), name
        if type(data) is list:
            found.update(files(data, prefix + name + "/"))
        else:
            assert type(data) is bytes, type(data)
            found[prefix + name] = data
    return found


class Image(YardCase):
    @classmethod
    def prepare_world(cls, world):
        folder = world / "client" / "pictures" / "deep"
        folder.mkdir(parents=True)
        (folder / "empty").write_bytes(b"")
        (folder / "all bytes.bin").write_bytes(bytes(range(256)) * 300)
        (world / "client" / "grüße.txt").write_text("grüße", encoding="utf-8")

    def test_its_shape(self):
        found = files(self.connect().ask("upgrade"))
        self.assertEqual(found["VERSION"], (yard.VERSION + "\n").encode())
        self.assertEqual(found["hello.py"], b"print('hello')\n")
        self.assertEqual(found["pictures/deep/empty"], b"")
        self.assertEqual(found["pictures/deep/all bytes.bin"], bytes(range(256)) * 300)
        self.assertEqual(found["grüße.txt"], "grüße".encode())

    def test_the_maps_travel_in_it(self):
        found = files(self.connect().ask("upgrade"))
        for name in ("west", "east", "cellar"):
            self.assertEqual(found["maps/%s.tmx" % name], (self.world / (name + ".tmx")).read_bytes())
        for name in ("ground.tsx", "collision.tsx", "yard.world"):
            self.assertEqual(found["maps/" + name], (self.world / name).read_bytes())

    def test_the_atlas_travels_in_it(self):
        """Name, place and size of every map, readable with nothing but the standard library."""
        player = self.play("Reader")
        atlas = json.loads(files(player.ask("upgrade"))["atlas.json"])
        bounds = {one["name"]: tuple(one[key] for key in ("x", "y", "z", "width", "height")) for one in atlas}
        self.assertEqual(set(bounds), {"west", "east", "cellar"})
        for name, place in bounds.items():
            self.assertEqual(place, player.ask("get", "map:" + name, "bounds"))

    def test_every_pickle_protocol_gets_the_same(self):
        connection = self.connect()
        wanted = files(connection.ask("upgrade", protocol=4))
        for protocol in range(6):
            self.assertEqual(files(connection.ask("upgrade", protocol=protocol)), wanted)

    def test_many_at_once(self):
        connections = [self.connect() for _ in range(20)]
        for connection in connections:
            connection.send(frame(["upgrade"]) * 5 + frame(["ver"]))
        first = files(connections[0].reply()[0])
        self.assertEqual([files(image) for image in connections[0].results(4)], [first] * 4)
        for connection in connections[1:]:
            self.assertEqual([files(image) for image in connection.results(5)], [first] * 5)
        for connection in connections:
            self.assertEqual(connection.reply()[0], yard.VERSION)


class Large(YardCase):
    """A 100 MB image, and clients that do not read it."""

    SIZE = 100_000_000
    environment = {"PYMMORPG_GATEWAY__WRITE_TIMEOUT_MS": "3000"}

    @classmethod
    def prepare_world(cls, world):
        # Noise, so that nothing on the way makes it small.
        (world / "client" / "big.bin").write_bytes(os.urandom(1_000_000) * (cls.SIZE // 1_000_000))

    def memory_bytes(self):
        """Resident memory of the server."""
        with open("/proc/%d/status" % self.server.pid) as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def rest(self, connection):
        """How many bytes are left to read of a connection that has been closed at the other end."""
        count = 0
        try:
            while data := connection.socket.recv(1 << 20):
                count += len(data)
        except ConnectionError:
            pass
        return count

    def test_who_reads_gets_all_of_it(self):
        connection = self.connect(deadline=120)
        connection.send(frame(["upgrade"], 4) + frame(["ver"]))
        image, version = connection.results(2)
        self.assertEqual(len(files(image)["big.bin"]), self.SIZE)
        self.assertEqual(version, yard.VERSION)

    def test_who_does_not_read_is_cut_off_and_costs_others_nothing(self):
        """Ten stop reading in the middle of it. While they are there, another's requests are answered as ever."""
        player = self.play("Player")
        before = self.memory_bytes()
        stalled = [self.connect(receive_buffer=64 * 1024) for _ in range(10)]
        for connection in stalled:
            connection.send(frame(["upgrade"], 4) * 3)
        for connection in stalled:
            self.assertTrue(connection.socket.recv(10_000), "the download begins")
        everybody = len(stalled) + 1
        waits = []
        end = time.monotonic() + 60
        while self.server.metric("gateway_connections") >= everybody and time.monotonic() < end:
            begin = time.monotonic()
            self.assertIs(player.ask("move", (0, 0, 0)), True)
            self.assertIs(player.ask("set", player.name, "n", len(waits)), True)
            self.assertIn(player.name, player.view())
            waits.append(time.monotonic() - begin)
        until(lambda: self.server.metric("gateway_connections") == 1, "all are cut off")
        for connection in stalled:
            self.assertLess(self.rest(connection), self.SIZE, "it was sent all of it")
        waits.sort()
        self.assertLess(waits[len(waits) // 2], 0.25, "half of all rounds took longer")
        self.assertLess(waits[-1], 3, "the slowest round")
        self.assertLess(self.memory_bytes() - before, self.SIZE, "each of them holds no copy of the image")

    def test_who_reads_slowly_but_reads_is_served(self):
        """It has time as long as it goes on reading."""
        connection = self.connect(receive_buffer=64 * 1024, deadline=120)
        connection.send(frame(["upgrade"], 4))
        got = 0
        begin = time.monotonic()
        while time.monotonic() - begin < 8:
            data = connection.socket.recv(256 * 1024)
            self.assertTrue(data, "cut off after %d bytes" % got)
            got += len(data)
            time.sleep(0.05)  # this is the slow reader, no waiting for something
        connection.buffer = b""
        while got < self.SIZE:
            data = connection.socket.recv(1 << 20)
            self.assertTrue(data, "cut off after %d bytes" % got)
            got += len(data)

    def test_who_never_reads_replies_is_cut_off(self):
        """Not only downloads: whoever sends requests and reads nothing holds a bounded buffer, and then nothing."""
        player = self.play("Player")
        mute = self.play("Mute", receive_buffer=16 * 1024, deadline=60)
        stopped = threading.Event()

        def chatter():
            try:
                while True:
                    mute.send(frame(["update"]) * 100)
            except OSError:
                stopped.set()

        thread = threading.Thread(target=chatter, daemon=True)
        thread.start()
        end = time.monotonic() + DEADLINE * 2
        while not stopped.is_set() and time.monotonic() < end:
            self.assertIs(player.ask("move", (0, 0, 0)), True)
        self.assertTrue(stopped.is_set(), "it was never cut off")
        self.until_unseen(player, mute.name)

    def test_many_read_at_once(self):
        """Twenty downloads share one image."""
        before = self.memory_bytes()
        failures, peaks = [], []

        def download():
            try:
                connection = self.connect(deadline=120)
                connection.send(frame(["upgrade"], 4))
                got = 0
                while got < self.SIZE:
                    data = connection.socket.recv(1 << 20)
                    if not data:
                        raise Closed("after %d bytes" % got)
                    got += len(data)
            except Exception as error:
                failures.append(repr(error))

        threads = [threading.Thread(target=download) for _ in range(20)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            peaks.append(self.memory_bytes())
            threads[-1].join(0.1)
            for thread in threads:
                thread.join(0)
        self.assertEqual(failures, [])
        self.assertLess(max(peaks) - before, 2 * self.SIZE)
