"""A server that keeps its own record of what it accepted, and lists it as it is told."""

import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

# Makes the list of activities that an answer shows, newest first, of the true one.
Shape = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


class RecordServer:
    """Accepts messages for any execution; `accepted` counts them by execution and text.

    `shape` changes what a list of activities shows, after its order and limit were applied. `post`
    may answer a message with a status other than 201; it has been accepted all the same.

    `execution` is what it says of any execution, `listed` what it lists. `asked` has the paths of
    all GETs; `refuse` may answer one with a status and headers, or, with the status 0, hang up.
    """

    def __init__(self) -> None:
        self.accepted: Counter[tuple[str, str]] = Counter()
        self.shape: Shape = list
        self.ignores_order = False
        self.post: Callable[[str, str], int] = lambda _execution_id, _text: 201
        self.execution: dict[str, Any] = {}
        self.listed: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.refuse: Callable[[str], tuple[int, dict[str, str]] | None] = lambda _path: None
        self.reads = 0
        self._activities: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/agents/v2"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def accept(self, execution_id: str, text: str, ago: float = 0.0) -> None:
        """Store a message, as one that arrived so many seconds `ago`."""
        with self._lock:
            self.accepted[execution_id, text] += 1
        self.happen(execution_id, {"activityType": "user_message_received", "message": text}, ago)

    def happen(self, execution_id: str, payload: dict[str, Any], ago: float = 0.0) -> None:
        """Store an activity."""
        activity = {
            "id": str(uuid.uuid4()),
            "executionId": execution_id,
            "timestamp": (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(),
            "payload": payload,
        }
        with self._lock:
            self._activities.append(activity)
            self._activities.sort(key=lambda one: str(one["timestamp"]))

    def listing(self, execution_id: str, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        with self._lock:
            self.reads += 1
            found = [each for each in self._activities if each["executionId"] == execution_id]
        if query["order"] == ["desc"] and not self.ignores_order:
            found.reverse()
        if "limit" in query:
            del found[int(query["limit"][0]) :]
        # Copies: a shape may change them.
        return self.shape(json.loads(json.dumps(found)))

    def described(self, path: str) -> Any:
        """Return what a path shows: a list, an execution or its activities."""
        url = urlsplit(path)
        execution_id = "".join(url.path.split("/")[4:5])
        if not execution_id:
            return {"items": self.listed, "page": 1, "pageSize": 100, "total": len(self.listed)}
        if url.path.endswith("/activities"):
            return self.listing(execution_id, parse_qs(url.query))
        return {"id": execution_id, "status": "running", **self.execution}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one packet: otherwise the client waits 40 ms for the second.
            wbufsize = 65_536

            def do_POST(self) -> None:
                text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["message"]
                execution_id = self.path.split("/")[-2]
                server.accept(execution_id, text)
                status = server.post(execution_id, text)
                if status:
                    self._answer(status, b"User message added.")
                else:
                    self.close_connection = True

            def do_GET(self) -> None:
                server.asked.append(self.path)
                status, headers = server.refuse(self.path) or (200, {})
                if not status:
                    self.close_connection = True
                    return
                try:
                    body = server.described(self.path)
                except PermissionError:
                    status = 403
                no = {"code": status, "message": "No."}
                self._answer(status, json.dumps(no if status != 200 else body).encode(), headers)

            def _answer(
                self, status: int, body: bytes, headers: dict[str, str] | None = None
            ) -> None:
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (as above)
                """Log nothing."""

        return Handler
