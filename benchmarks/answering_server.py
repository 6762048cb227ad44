"""A server that only answers 201, so that a benchmark times the client.

``python benchmarks/answering_server.py`` prints its port and serves until its input ends.
"""

import socket
import sys
import threading

ANSWER = (
    b"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n\r\n"
    b"User message added."
)


def serve(connection: socket.socket) -> None:
    """Answer every request of one connection."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as stream:
        while stream.readline():
            length = 0
            while (line := stream.readline()) not in {b"\r\n", b""}:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            stream.read(length)
            connection.sendall(ANSWER)


def main() -> None:
    """Serve on a free port until the caller closes standard input."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
