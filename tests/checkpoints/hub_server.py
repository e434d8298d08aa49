"""A model hub on loopback: the parts of the API that fetching a model uses, for the files of one folder."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """name: of the model; folder: its files; url: where the server listens.

    requests: what was asked for, as (method, path, Range header). breaks: connections to cut
    in the middle of a weight file.
    """

    name: str
    folder: Path
    url: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    breaks: int = 0

    def fetched(self) -> set[str]:
        """The files whose contents were asked for."""
        return {path.rpartition("/")[2] for method, path, _ in self.requests if method == "GET" and "/resolve/" in path}


@contextmanager
def serve(name: str, folder: Path) -> Iterator[Hub]:
    hub = Hub(name, folder)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.requests.append((self.command, path, self.headers.get("Range", "")))
        name = re.escape(self.hub.name)
        if re.fullmatch(rf"/api/models/{name}/revision/\w+|/api/models/{name}", path):
            siblings = [{"rfilename": entry["path"]} for entry in self._entries()]
            self._json({"id": self.hub.name, "sha": COMMIT, "siblings": siblings})
        elif re.fullmatch(rf"/api/models/{name}/tree/\w+", path):
            self._json(self._entries())
        elif found := re.fullmatch(rf"/{name}/resolve/\w+/([\w./-]+)", path):
            self._file(self.hub.folder / found[1])
        else:
            self._answer(404, b"", {"X-Error-Code": "RepoNotFound"})

    def log_message(self, *_: object) -> None:
        pass

    def _entries(self) -> list[dict[str, object]]:
        return [self._entry(file) for file in sorted(self.hub.folder.rglob("*")) if file.is_file()]

    def _entry(self, file: Path) -> dict[str, object]:
        """Weights are kept as large files with their SHA-256, the others as git blobs."""
        data = file.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        entry: dict[str, object] = {
            "type": "file",
            "path": file.relative_to(self.hub.folder).as_posix(),
            "size": len(data),
            "oid": blob,
        }
        if file.suffix == ".bin":
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        return entry

    def _file(self, file: Path) -> None:
        if not file.is_file():
            self._answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        data = file.read_bytes()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(data).hexdigest()}"', "Accept-Ranges": "bytes"}
        status, start = 200, 0
        if found := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            status, start = 206, int(found[1])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        broken = self.command == "GET" and file.suffix == ".bin" and self.hub.breaks > 0
        self.hub.breaks -= broken
        self._answer(status, data[start:], headers, cut=broken)

    def _json(self, value: object) -> None:
        self._answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str], cut: bool = False) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True
