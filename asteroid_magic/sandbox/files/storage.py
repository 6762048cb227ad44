"""The storage: another server, to which the addresses of files lead. It takes no key."""

from tornado.web import Application, RequestHandler

from ..faults import Faults, Spoiled
from ..file_store import FileStore

ELSEWHERE = "http://storage.example/file"
PRIVATE = ("X-Asteroid-Agents-Api-Key", "X-Api-Key", "Authorization", "Cookie", "Referer")
"""Headers that must not reach a storage."""


def storage(store: FileStore, faults: Faults[Spoiled]) -> Application:
    """Return the application of the storage."""
    shared = {"store": store, "faults": faults}
    return Application([(r"/([0-9a-f]+)", _Download, shared)], log_function=lambda _handler: None)


class _Download(RequestHandler):
    """``GET /{secret}``."""

    def initialize(self, store: FileStore, faults: Faults[Spoiled]) -> None:
        """Take what the application passes to every handler."""
        self.store, self.faults = store, faults

    def get(self, secret: str) -> None:
        """Send the file, unless a fault is on order."""
        file = self.store.with_secret(secret)
        if leaked := [name for name in PRIVATE if name in self.request.headers]:
            self.set_status(400)
            self.finish(f"The storage must not get the header {leaked[0]}.")
            return
        if file is None:
            self.set_status(404)
            self.finish("There is no such file.")
            return
        self.set_header("Content-Type", file.mime_type)
        self._send(file.body, self.faults.take())

    def _send(self, body: bytes, spoiled: Spoiled | None) -> None:
        half = body[: len(body) // 2]
        match spoiled:
            case "loop":
                self.redirect(self.request.path, status=302)
            case "insecure":
                self.redirect(ELSEWHERE, status=302)
            case "refused" | "broken":
                self.set_status(403 if spoiled == "refused" else 503)
                self.finish()
            case "cut":
                stream = self.detach()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                stream.write(head.encode() + half)
                stream.close()
            case "short":
                self.finish(half)
            case "longer":
                self.finish(body + b"!")
            case _:
                self.finish(body)
