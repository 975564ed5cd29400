"""Where the package and the examples are, and a server that answers as a test tells it."""

import pickle
import socket
import sys
import threading
import time
from pathlib import Path

PYTHON = Path(__file__).resolve().parent.parent
REPOSITORY = PYTHON.parent.parent
TERMINAL = PYTHON / "examples" / "terminal.py"
MEADOW = REPOSITORY / "examples" / "meadow"

sys.path.insert(0, str(PYTHON / "src"))

#: Longest wait for what must happen, in seconds; only a failing test waits so long.
DEADLINE = 20.0

#: What `answer` returns to end a connection without a reply, and to give none.
CLOSE, SILENCE = object(), object()


class FakeServer:
    """Gives each request to `answer`: a list comes back as a reply, bytes as they are. Keeps what was asked."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections = []
        self._threads = [threading.Thread(target=self._accept)]
        self.address = self._listener.getsockname()

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        # A thread that waits in accept is woken by a connection, not by closing the listener.
        self._is_closing = True
        socket.create_connection(self.address).close()
        self._threads[0].join(DEADLINE)
        self._listener.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads[1:]:
            thread.join(DEADLINE)
        assert not any(thread.is_alive() for thread in self._threads), "a connection of the fake server does not end"

    _is_closing = False

    def _accept(self):
        while True:
            connection, _ = self._listener.accept()
            if self._is_closing:
                connection.close()
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._converse, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _converse(self, connection):
        with connection, connection.makefile("rb") as stream:
            try:
                while True:
                    size = b""
                    while not size.endswith(b" "):
                        byte = stream.read(1)
                        if not byte:
                            return
                        size += byte
                    request = pickle.loads(stream.read(int(size)))
                    self.requests.append(request)
                    reply = self.answer(request)
                    if reply is CLOSE:
                        return
                    if reply is not SILENCE:
                        connection.sendall(reply if type(reply) is bytes else framed(pickle.dumps(reply, 4)))
            except OSError:
                pass  # The client is gone.


def framed(payload):
    """A payload in its frame."""
    return b"%d %s" % (len(payload), payload)


def until(condition, what):
    """Waits for a condition and returns its value; fails naming what did not happen."""
    end = time.monotonic() + DEADLINE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("did not happen within %g s: %s" % (DEADLINE, what))
        time.sleep(0.01)
