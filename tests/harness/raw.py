"""A connection that speaks bytes: where a test is about the wire, nothing may stand between it and the socket."""

import pickle
import select
import socket
import time

#: Longest wait for anything that must happen, in seconds; only a failing test waits so long.
DEADLINE = 20.0


class Closed(Exception):
    """The server closed the connection."""


class Raw:
    """Sends what it is told, byte for byte, and cuts replies out of what comes."""

    def __init__(self, address, deadline=DEADLINE, receive_buffer=None, source=None):
        self.deadline = deadline
        #: Every flag that came and that no test has taken yet.
        self.flags = []
        #: Who is logged in, for those who remember it here.
        self.name = self.password = None
        self.buffer = b""
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            # Another address of this machine.
            self.socket.bind((source, 0))
        self.socket.settimeout(deadline)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def reply(self, deadline=None):
        """The next reply, flags and all. Raises `Closed`, or `socket.timeout` after the deadline."""
        end = time.monotonic() + (self.deadline if deadline is None else deadline)
        while True:
            size, space, rest = self.buffer.partition(b" ")
            if space and len(rest) >= int(size):
                self.buffer = rest[int(size) :]
                reply = pickle.loads(rest[: int(size)])
                self.flags += reply[1:]
                return reply
            self._receive(end)

    def _receive(self, end):
        self.socket.settimeout(max(end - time.monotonic(), 0.001))
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionError as error:
            raise Closed(str(error)) from error
        if not data:
            raise Closed("the server closed the connection")
        self.buffer += data

    def ask_all(self, *request, protocol=2):
        """One request, and its whole reply."""
        self.send(frame(list(request), protocol))
        return self.reply()

    def ask(self, *request, protocol=2):
        """One request, and its result without flags."""
        return self.ask_all(*request, protocol=protocol)[0]

    def send_all(self, requests, protocol=2):
        """Many requests in one write."""
        self.send(b"".join(frame(list(request), protocol) for request in requests))

    def replies(self, count):
        """So many replies, flags and all."""
        return [self.reply() for _ in range(count)]

    def results(self, count):
        """So many replies' results, without flags."""
        return [reply[0] for reply in self.replies(count)]

    def pipeline(self, *requests, protocol=2):
        """Many requests in one write, and their results."""
        self.send_all(requests, protocol)
        return self.results(len(requests))

    def take_flag(self, flag):
        """Waits for a flag and forgets it, so that only later ones are seen."""
        until(lambda: flag in self.flags or flag in self.ask_all("ver"), "the flag %r" % flag)
        self.flags = [other for other in self.flags if other != flag]

    # -- in the game

    def position(self):
        """Where the character is."""
        return self.ask("get", self.name, "pos")

    def walk(self, dx, dy, step=1.0):
        """Walks straight on in steps, as fast as the world lets it; a wall in the way fails after the deadline."""
        while dx or dy:
            east, south = (max(min(rest, step), -step) for rest in (dx, dy))
            until(lambda: self.ask("move", (east, south, 0)), "%s takes the step %r" % (self.name, (east, south)))
            dx, dy = dx - east, dy - south

    def walk_to(self, x, y, step=1.0):
        """Walks to a place on the same level, first along y, then along x, and stands exactly there."""
        for axis in (1, 0):
            here = self.position()
            offset = (x, y)[axis] - here[axis]
            if offset:
                self.walk(*((offset, 0) if axis == 0 else (0, offset)), step=step)

    def view(self):
        """What `update` shows, by name. Nobody is ever in it twice."""
        entities = self.ask("update")
        by_name = {entity["name"]: entity for entity in entities}
        assert len(by_name) == len(entities), "somebody is twice in the view of %s: %r" % (self.name, entities)
        return by_name

    # -- after trouble

    def settle(self):
        """Brings the conversation back into step after bytes that the server ignores; fails if it answers them.

        A request sent right behind them may be emptied out with them, and nothing tells when they have been read: so it is sent
        again until it is answered, and one that is answered differently marks the end.
        """
        end = time.monotonic() + self.deadline
        while True:
            self.send(frame(["ver"]))
            try:
                answer = self.reply(deadline=0.03)
                break
            except socket.timeout:
                if time.monotonic() > end:
                    raise
        assert isinstance(answer[0], str), "answered what is to be ignored: %r" % (answer,)
        self.send(frame(["no such request"]))
        while answer[0] is not False:
            answer = self.reply()

    def is_closed(self, within):
        """Whether the server closes the connection within so many seconds, whatever it sends before."""
        end = time.monotonic() + within
        while True:
            if not select.select([self.socket], [], [], max(end - time.monotonic(), 0))[0]:
                return False
            try:
                if not self.socket.recv(1 << 20):
                    return True
            except ConnectionError:
                return True


def frame(request, protocol=2):
    """A request as it travels."""
    return around(pickle.dumps(request, protocol))


def around(payload):
    """A payload in its frame."""
    return b"%d %s" % (len(payload), payload)


def until(condition, what, deadline=DEADLINE, pause=0.02):
    """Waits for a condition and returns its value; fails naming what did not happen."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("did not happen within %g s: %s" % (deadline, what))
        time.sleep(pause)
