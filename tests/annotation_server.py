"""A web server that stands in for CVAT: it takes logins, projects and tasks, and refuses what a test wants refused."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class StandIn:
    """What the server has, and what it refuses.

    Args:
        refuse: pattern of "METHOD path", such as ``"POST /api/tasks/.*/data"``
        status: of the answer to that
        body: of the answer to that
    """

    def __init__(self, refuse: str, status: int = 400, body: str = "") -> None:
        self.refuse, self.status, self.body = re.compile(refuse), status, body
        self.made: dict[str, dict[int, str]] = {"projects": {1: "another's"}, "tasks": {1: "another's"}}
        self.url = ""

    def answer(self, method: str, path: str, content: Any) -> tuple[int, str]:
        """The status and the body of the answer to a request."""
        if self.refuse.fullmatch(f"{method} {path}"):
            return self.status, self.body
        kind, _, number = path.removeprefix("/api/").partition("/")
        there = self.made.get(kind)
        if path == "/api/server/about":
            return 200, json.dumps({"version": "2.3.0"})
        if there is None or (number and int(number) not in there):
            return (200, json.dumps({"key": "key", "results": []})) if there is None else (404, "{}")
        if method == "POST":
            new = max(there) + 1
            there[new] = content["name"]
            return 201, json.dumps({"id": new, "labels": []})
        if method == "DELETE":
            del there[int(number)]
            return 204, ""
        found = [{"id": one, "name": name} for one, name in there.items()]
        return 200, json.dumps({"results": found, "next": None, "count": len(found)})

    @contextmanager
    def running(self) -> Iterator[StandIn]:
        """Serves on a free port; `url` has the address."""
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                is_json = "json" in (self.headers.get("Content-Type") or "")
                content = json.loads(sent) if is_json else None
                status, body = stand_in.answer(self.command, urlsplit(self.path).path, content)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _serve

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
