"""Stands for a daemon of a hypervisor: ``daemon_standin.py NAME [tcp ADDRESS PORT]... [http ADDRESS PORT]...``.

It is called NAME in the process table and answers on its ports: "http" with 200 to anything, "tcp" by closing what it
has accepted. Standard library only, so that a dozen of them cost little.
"""

import ctypes
import selectors
import socket
import sys

PR_SET_NAME = 15
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
READ_SECONDS = 1.0


def main(argv: list[str]) -> None:
    """Listen and answer until killed."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, argv[1].encode()[:15], 0, 0, 0)
    selector = selectors.DefaultSelector()
    words = iter(argv[2:])
    for kind in words:
        address, port = next(words), int(next(words))
        selector.register(socket.create_server((address, port), backlog=64), selectors.EVENT_READ, kind == "http")
    while True:
        for key, _ in selector.select():
            listener = key.fileobj
            if isinstance(listener, socket.socket):
                _answer(listener, http=key.data)


def _answer(listener: socket.socket, *, http: bool) -> None:
    connection, _ = listener.accept()
    with connection:
        if not http:
            return
        connection.settimeout(READ_SECONDS)
        try:
            connection.recv(4096)
            connection.sendall(ANSWER)
        except OSError as error:
            print(f"a caller went away: {error}", flush=True)  # noqa: T201 - to its own log


if __name__ == "__main__":
    main(sys.argv)
