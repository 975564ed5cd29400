"""The conversation: what each method sends and returns, flags, and every way in which it ends."""

import pickle
import socket
import tempfile
import threading
import unittest
from pathlib import Path

import support
from pymmorpg import Client, ConnectionClosed, Error, NotLoggedIn, ProtocolError, Timeout, UnsafeImage, Unsendable
from support import CLOSE, SILENCE, FakeServer, framed

ANNA = {"pos": (1.0, 2.0, 0), "name": "Anna", "visual": "wanderer"}


class Case(unittest.TestCase):
    def server(self, answer):
        """A server that answers as told; ends with the test."""
        server = FakeServer(answer)
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server

    def client(self, server, **options):
        client = Client(*server.address, **dict({"timeout": support.DEADLINE}, **options))
        self.addCleanup(client.close)
        return client

    def logged_in(self, answer, **options):
        """A client that has logged in; `answer` answers what comes after."""
        server = self.server(lambda request: [True] if request[0] == "login" else answer(request))
        client = self.client(server, **options)
        self.assertTrue(client.login("Anna", "secret"))
        server.requests.clear()
        return server, client


class Requests(Case):
    def check(self, call, request, reply, result=None):
        """One method: what it sends, and what it makes of the reply."""
        server, client = self.logged_in(lambda _: [reply])
        got = call(client)
        self.assertEqual(server.requests, [request])
        self.assertEqual(got, reply if result is None else result)

    def test_before_the_login(self):
        server = self.server(lambda request: ["1.4.2"] if request == ["ver"] else [[("VERSION", b"1.4.2")]])
        client = self.client(server)
        self.assertEqual(client.ver(), "1.4.2")
        self.assertEqual(client.upgrade(), [("VERSION", b"1.4.2")])
        self.assertEqual(server.requests, [["ver"], ["upgrade"]])

    def test_upgrade_into_a_folder(self):
        server = self.server(lambda _: [[("VERSION", b"1"), ("d", [("f", b"x")])]])
        with tempfile.TemporaryDirectory() as folder:
            self.client(server).upgrade(into=folder)
            self.assertEqual((Path(folder) / "d" / "f").read_bytes(), b"x")

    def test_an_unsafe_image_leaves_the_conversation_well(self):
        server = self.server(lambda request: ["1"] if request == ["ver"] else [[("..", b"x")]])
        client = self.client(server)
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(UnsafeImage):
            client.upgrade(into=folder)
        self.assertEqual(client.ver(), "1")

    def test_login_and_new(self):
        for method in ("login", "new"):
            server = self.server(lambda request: [request[1] == "Anna"])
            client = self.client(server)
            self.assertFalse(getattr(client, method)("Bert", b"\xff"))
            self.assertIsNone(client.character)
            self.assertTrue(getattr(client, method)("Anna", "secret"))
            self.assertEqual(client.character, "Anna")
            self.assertEqual(server.requests, [[method, "Bert", b"\xff"], [method, "Anna", "secret"]])

    def test_a_failed_login_leaves_the_character(self):
        server, client = self.logged_in(lambda _: [False])
        self.assertFalse(client.new("Bert", "x"))
        self.assertEqual(client.character, "Anna")

    def test_update(self):
        self.check(lambda client: client.update(), ["update"], [ANNA])

    def test_move(self):
        self.check(lambda client: client.move(1, -2), ["move", (1, -2, 0)], True)
        self.check(lambda client: client.move(0.5, 0, 1), ["move", (0.5, 0, 1)], False)

    def test_get(self):
        self.check(lambda client: client.get("map:meadow", "bounds"), ["get", "map:meadow", "bounds"], (0, 0, 0, 64, 48))
        server, client = self.logged_in(lambda _: [None])
        self.assertIsNone(client.get("Nobody", "hp"))

    def test_set_and_add(self):
        value = {"a": [1, (2, b"3")], "b": {4}}
        self.check(lambda client: client.set("Anna", "diary", value), ["set", "Anna", "diary", value], True)
        self.check(lambda client: client.add("Anna", "gold", -5), ["set", "Anna", "gold", (-5,)], False)

    def test_edit(self):
        data = ("meadow", "Ground", 3, 4, 17)
        self.check(lambda client: client.edit("tile", data), ["edit", ["tile", list(data)]], True)

    def test_ask_anything(self):
        self.check(lambda client: client.ask("dance", 1), ["dance", 1], "why not")

    def test_nothing_is_sent_before_the_login(self):
        server = self.server(lambda _: [True])
        client = self.client(server)
        for call in (
            client.update,
            lambda: client.move(1, 0),
            lambda: client.get("Anna", "hp"),
            lambda: client.set("Anna", "hp", 1),
            lambda: client.add("Anna", "hp", 1),
            lambda: client.edit("kick", ["Anna"]),
        ):
            self.assertRaises(NotLoggedIn, call)
        self.assertTrue(client.ask("ver"))
        self.assertEqual(server.requests, [["ver"]])

    def test_what_cannot_be_sent_leaves_the_conversation_well(self):
        server, client = self.logged_in(lambda _: [True])
        with self.assertRaises(Unsendable):
            client.set("Anna", "friend", object())
        self.assertTrue(client.move(1, 0))
        self.assertEqual(server.requests, [["move", (1, 0, 0)]])

    def test_a_reply_in_pieces(self):
        whole = framed(pickle.dumps([True], 2))
        arrived = threading.Event()
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.recv(1000)
                for at in range(len(whole)):
                    connection.sendall(whole[at : at + 1])
                arrived.wait(support.DEADLINE)

        thread = threading.Thread(target=serve)
        thread.start()
        with Client(*listener.getsockname()) as client:
            self.assertTrue(client.login("Anna", "secret"))
        arrived.set()
        thread.join(support.DEADLINE)


class Flags(Case):
    def test_they_gather_until_taken(self):
        replies = iter([[True, "map"], [True], [True, "client", "map"], [True, "unheard of"]])
        _, client = self.logged_in(lambda _: next(replies))
        self.assertEqual(client.flags, set())
        seen = []
        for _ in range(4):
            client.move(0, 0)
            seen.append(set(client.flags))
        self.assertEqual(seen, [{"map"}, {"map"}, {"map", "client"}, {"map", "client", "unheard of"}])
        client.flags.discard("map")
        self.assertEqual(client.flags, {"client", "unheard of"})

    def test_flags_that_are_no_text_are_ignored(self):
        _, client = self.logged_in(lambda _: [True, 1, None, ["map"], "map"])
        client.move(0, 0)
        self.assertEqual(client.flags, {"map"})

    def test_on_flag_is_called_before_the_request_returns_and_may_ask(self):
        calls = []

        def on_flag(flag):
            calls.append((flag, client.ver() if flag == "client" else client.get("map:meadow", "version")))

        def answer(request):
            return {"move": [True, "map", "client"], "get": [7], "ver": ["2.0.0"]}[request[0]]

        _, client = self.logged_in(answer, on_flag=on_flag)
        self.assertTrue(client.move(1, 0))
        self.assertEqual(calls, [("map", 7), ("client", "2.0.0")])


class Ends(Case):
    def ends(self, error, reply, call=lambda client: client.move(1, 0), **options):
        """A reply after which the conversation is over."""
        _, client = self.logged_in(lambda _: reply, **options)
        with self.assertRaises(error) as caught:
            call(client)
        self.assertIs(type(caught.exception), error)
        with self.assertRaises(ConnectionClosed):
            client.move(1, 0)

    def test_closed_instead_of_a_reply(self):
        self.ends(ConnectionClosed, CLOSE)

    def test_silence(self):
        self.ends(Timeout, SILENCE, timeout=0.05)

    def test_half_a_reply(self):
        self.ends(Timeout, b"12 half", timeout=0.05)

    def test_frames_that_are_none(self):
        self.ends(ProtocolError, b"twelve")
        self.ends(ProtocolError, b"99999999999 ")

    def test_pickles_that_are_no_data(self):
        self.ends(ProtocolError, framed(b"cos\nsystem\n(S'true'\ntR."))
        self.ends(ProtocolError, framed(b"garbage"))

    def test_replies_that_are_no_list(self):
        for payload in (b"N.", b"].", b"(I01\nt.", b"}."):
            self.ends(ProtocolError, framed(payload))

    def test_results_of_another_type(self):
        self.ends(ProtocolError, [1])
        self.ends(ProtocolError, [None])
        self.ends(ProtocolError, [False], lambda client: client.update())
        self.ends(ProtocolError, [b"1.0"], lambda client: client.ver())
        self.ends(ProtocolError, [()], lambda client: client.upgrade())

    def test_over_the_limit(self):
        server = self.server(lambda request: ["x" * len(request[1])])
        client = self.client(server, reply_bytes_max=100)
        self.assertEqual(client.ask("echo", "12345"), "xxxxx")
        with self.assertRaises(ProtocolError):
            client.ask("echo", "1" * 200)

    def test_nobody_listens(self):
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        listener.close()
        with self.assertRaises(ConnectionClosed):
            Client(*address)

    def test_closing(self):
        server = self.server(lambda _: ["1"])
        with Client(*server.address) as client:
            self.assertEqual(client.ver(), "1")
        client.close()
        with self.assertRaises(ConnectionClosed):
            client.ver()

    def test_an_interrupted_request_ends_it(self):
        # The late reply would answer the next request.
        class Interrupt(BaseException):
            pass

        server, client = self.logged_in(lambda _: [True])
        decoder_next = client._decoder.next
        client._decoder.next = lambda: (_ for _ in ()).throw(Interrupt())
        self.assertRaises(Interrupt, client.move, 1, 0)
        client._decoder.next = decoder_next
        self.assertRaises(ConnectionClosed, client.move, 1, 0)

    def test_every_error_is_of_one_family(self):
        for error in (ConnectionClosed, Timeout, ProtocolError, NotLoggedIn, Unsendable, UnsafeImage):
            self.assertTrue(issubclass(error, Error))
        self.assertTrue(issubclass(Timeout, ConnectionClosed) and issubclass(ProtocolError, ConnectionClosed))


if __name__ == "__main__":
    unittest.main()
