"""What a server in between costs: the same model in this process, and served on this machine.

    python bench/remote.py [--model mini] [--tokens 64] [--rounds 3]

"local" is a session in this process, "served" one on `transformers serve` (which computes the whole prompt each time;
vLLM and llama.cpp keep its beginning). "client alone" is a server that sends ready-made events as fast as it can: what
our own code and the loopback cost. Each row is the median of the rounds, greedy, in fp32.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from statistics import median

from _serving import server_process

from moss_agent.cancellation import Cancellation
from moss_agent.checkpoints.families import Family
from moss_agent.checkpoints.mini import prepare
from moss_agent.opening.dialect import choose_family
from moss_agent.opening.local import open_local
from moss_agent.opening.served import find_served, open_served
from moss_agent.protocol import THOUGHTS, render_human
from moss_agent.session import Sampling, Session
from moss_agent.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini", help="mini or a folder")
    parser.add_argument("--family", help="the model's family, if its name does not tell")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    family = choose_family(Settings(model=arguments.model, family=arguments.family or ""), None)
    folder = str(prepare()) if arguments.model == "mini" else arguments.model
    print(f"{'':14} {'to the first piece':>19} {'per piece after it':>19} {'pieces':>7}")
    local = open_local(Settings(model=arguments.model, dtype="fp32", device="cpu"), family)
    report("local", local.session(""), family, arguments)
    with transformers_serve(folder) as url:
        report("served", open_at(url, family), family, arguments)
    with ready_made(arguments.tokens) as url:
        report("client alone", open_at(url, family), family, arguments)


def open_at(url: str, family: Family) -> Session:
    settings = Settings(server=url)
    return open_served(settings, family, find_served(settings)).session("")


def report(name: str, session: Session, family: Family, arguments: argparse.Namespace) -> None:
    """Measure a session and print its row."""
    prompt = family.preamble.render(family.preamble.known) + render_human("Tell me a story.") + THOUGHTS.header
    times = [measure(session, prompt, arguments.tokens) for _ in range(arguments.rounds)]
    first, later, pieces = (median(column) for column in zip(*times, strict=True))
    print(f"{name:14} {1000 * first:16.1f} ms {1000 * later:16.3f} ms {pieces:7.0f}")
    session.close()


def measure(session: Session, prompt: str, tokens: int) -> tuple[float, float, int]:
    """Seconds to the first piece, seconds for each later one, and how many there were. No stop text ends it."""
    session.rewind(0)
    session.extend(prompt)
    started = time.perf_counter()
    moments = [time.perf_counter() for _ in session.generate([], Sampling(max_new_tokens=tokens), Cancellation())]
    return moments[0] - started, (moments[-1] - moments[0]) / max(1, len(moments) - 1), len(moments)


@contextmanager
def transformers_serve(folder: str) -> Iterator[str]:
    """The address of a process that serves the model."""
    command = [Path(sys.executable).with_name("transformers"), "serve", folder, "--device", "cpu", "--dtype", "float32"]
    with server_process(command, variables={**os.environ, "HF_HUB_OFFLINE": "1"}) as (url, _):
        yield url


@contextmanager
def ready_made(count: int) -> Iterator[str]:
    """The address of a server that has so many events ready."""
    events = [f"data: {json.dumps({'choices': [{'text': ' word'}]})}\n\n".encode()] * (count - 1)
    events.append(b'data: {"choices": [{"text": " end", "finish_reason": "length"}]}\n\n')

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for event in events:
                self.wfile.write(event)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


if __name__ == "__main__":
    main()
