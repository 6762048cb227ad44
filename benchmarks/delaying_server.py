"""A server that answers 201 to every message after a delay, like a distant one.

``python benchmarks/delaying_server.py 0.05`` prints its port and serves until its input ends. It
runs in its own process, so that it takes no time from the measured client.
"""

import asyncio
import re
import sys

ANSWER = (
    b"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n\r\n"
    b"User message added."
)
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


class Answering(asyncio.Protocol):
    """One connection: answers each complete request after the delay."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the connection; asyncio calls this."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Find complete requests in the received data; asyncio calls this."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._data, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self._data) < size:
                return
            self._data = self._data[size:]
            asyncio.get_running_loop().call_later(self._delay, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)


async def serve(delay: float) -> None:
    """Serve on a free port until the caller closes standard input."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(delay), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
