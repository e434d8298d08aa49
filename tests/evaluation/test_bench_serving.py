"""The servers that `bench/_serving.py` starts for benchmarks."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import httpx2
import pytest

SERVER_PROCESS = runpy.run_path(str(Path(__file__).parents[2] / "bench" / "_serving.py"))["server_process"]
SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
HTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
"""


def test_a_server_answers_and_is_ended() -> None:
    with SERVER_PROCESS([sys.executable, "-c", SERVER]) as (url, process):
        assert httpx2.get(url, trust_env=False).is_success and process.poll() is None
    assert process.returncode is not None


def test_a_server_that_does_not_start_is_told_with_what_it_said() -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    with pytest.raises(RuntimeError, match="did not start:\nno such model"), SERVER_PROCESS(command):
        pass
