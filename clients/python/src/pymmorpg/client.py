"""One connection: the nine requests as methods."""

import os
import socket
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, Type, TypeVar, Union

from . import frame, image, pickles
from .errors import ConnectionClosed, NotLoggedIn, ProtocolError, Timeout

#: Bytes asked of the socket at a time.
_RECEIVE_BYTES = 256 * 1024

Number = Union[int, float]
Reply = TypeVar("Reply")
#: What `update` says of one entity: ``pos`` (x, y, z), ``name``, ``visual`` and whatever else the world shows.
Entity = Dict[str, Any]


class Client:
    """A conversation with a server. Belongs to one thread at a time.

        with Client("127.0.0.1", 7777) as client:
            client.new("Anna", "secret") or client.login("Anna", "secret")
            client.move(1, 0)
            for entity in client.update():
                print(entity["name"], entity["pos"])

    **Flags.** A reply may carry ``'map'`` (the map has changed: read it again) and ``'client'`` (a new version of the
    client is out: ask ``ver`` and ``upgrade``). They gather in :attr:`flags`, a set: take one out when you have acted
    on it (``if 'map' in client.flags: client.flags.discard('map'); …``). With ``on_flag``, that function is called
    with each flag as well, before the request that brought it returns; it may make requests of its own. Ignore flags
    that you do not know.

    **Time.** ``timeout`` is how many seconds the server may be silent while a reply is awaited, and how long
    connecting and sending may take. After :class:`Timeout` or any other :class:`ConnectionClosed` this object is of
    no more use: connect afresh and log in again.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 7777,
        timeout: float = 10.0,
        *,
        on_flag: Optional[Callable[[str], None]] = None,
        reply_bytes_max: int = frame.REPLY_BYTES_MAX
    ) -> None:
        #: Flags that came and that nobody has taken out yet.
        self.flags: Set[str] = set()
        #: The name of the character that is logged in, as it was given; None before.
        self.character: Optional[str] = None
        self._on_flag = on_flag
        self._decoder = frame.Decoder(reply_bytes_max)
        try:
            self._socket: Optional[socket.socket] = socket.create_connection((host, port), timeout)
        except socket.timeout as error:
            raise Timeout("%s:%d does not answer" % (host, port)) from error
        except OSError as error:
            raise ConnectionClosed("no connection to %s:%d: %s" % (host, port, error)) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Ends the conversation. Closing twice is fine."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # -- before the login

    def ver(self) -> str:
        """The version of the client that the server would hand out, such as ``'1.4.2'``."""
        return self._typed(str, "ver")

    def upgrade(self, into: "Optional[Union[str, os.PathLike[str]]]" = None) -> List[Tuple[str, Any]]:
        """The client image: ``(name, data)`` for a file, ``(name, [entries…])`` for a folder.

        With ``into``, its files are written below that folder as well. Names that climb out of it, or files that
        would go over a link, raise :class:`~pymmorpg.errors.UnsafeImage` before anything is written.
        """
        entries = self._typed(list, "upgrade")
        if into is not None:
            image.write(entries, into)  # type: ignore[arg-type]
        return entries

    def new(self, name: str, password: Union[str, bytes]) -> bool:
        """Makes a character and logs it in. False: the name is taken, or not one that can be had."""
        return self._enter("new", name, password)

    def login(self, name: str, password: Union[str, bytes]) -> bool:
        """Logs a character in; a connection that plays it elsewhere is closed."""
        return self._enter("login", name, password)

    # -- after the login

    def update(self) -> List[Entity]:
        """Everything in view, your own character among them."""
        self._need_login()
        return self._typed(list, "update")

    def move(self, dx: Number, dy: Number, dz: Number = 0) -> bool:
        """Walks so many tiles, east and south. All or nothing: False if anything stood in the way or it was too far."""
        self._need_login()
        return self._bool("move", (dx, dy, dz))

    def get(self, name: str, attribute: str) -> Any:
        """One attribute of an entity; None where there is none, or it is not for you to see."""
        self._need_login()
        return self.ask("get", name, attribute)

    def set(self, name: str, attribute: str, value: Any) -> bool:
        """Gives an attribute a value. True means that it is on the server's disk.

        A tuple of one number is a change relative to the present value; see :meth:`add`.
        """
        self._need_login()
        return self._bool("set", name, attribute, value)

    def add(self, name: str, attribute: str, amount: Number) -> bool:
        """Changes a number by so much, whatever it is at present."""
        return self.set(name, attribute, (amount,))

    def edit(self, command: str, data: Sequence[Any]) -> bool:
        """Changes the world: ``edit('tile', ['meadow', 'Ground', 3, 4, 17])``. For game masters; False for others."""
        self._need_login()
        return self._bool("edit", [command, list(data)])

    # -- the conversation

    def ask(self, *request: Any) -> Any:
        """Sends any request and returns the result of its reply, for what has no method here."""
        payload = pickles.dumps(list(request))
        connection = self._socket
        if connection is None:
            raise ConnectionClosed("the connection is closed")
        try:
            connection.sendall(frame.encode(payload))
            reply = pickles.loads(self._receive(connection))
            if type(reply) is not list or not reply:
                raise ProtocolError("a reply is a list that is not empty, not %.60r" % (reply,))
        except socket.timeout as error:
            self.close()
            raise Timeout("no answer to %s" % request[0]) from error
        except OSError as error:
            self.close()
            raise ConnectionClosed(str(error)) from error
        except BaseException:
            # Whatever stopped this half-way, the next reply would answer the wrong request.
            self.close()
            raise
        self._take_flags(reply[1:])
        return reply[0]

    def _receive(self, connection: socket.socket) -> bytes:
        while True:
            payload = self._decoder.next()
            if payload is not None:
                return payload
            data = connection.recv(_RECEIVE_BYTES)
            if not data:
                raise ConnectionClosed("the server closed the connection")
            self._decoder.push(data)

    def _take_flags(self, flags: List[Any]) -> None:
        for flag in flags:
            if type(flag) is str:
                self.flags.add(flag)
                if self._on_flag is not None:
                    self._on_flag(flag)

    def _enter(self, command: str, name: str, password: Union[str, bytes]) -> bool:
        done = self._bool(command, name, password)
        if done:
            self.character = name
        return done

    def _need_login(self) -> None:
        if self.character is None:
            raise NotLoggedIn("log in first")

    def _bool(self, *request: Any) -> bool:
        return self._typed(bool, *request)

    def _typed(self, kind: Type[Reply], *request: Any) -> Reply:
        result = self.ask(*request)
        if type(result) is not kind:
            self.close()
            raise ProtocolError("%s was answered %.60r" % (request[0], result))
        return result
