"""A small but real server of the completions API: a real model behind a real HTTP stack, in the ways of two servers.

kind `vllm` tells token ids and leaves the end token out of the text; `llama.cpp` tells no ids and reads special tokens
in a text only where it is told to. Greedy decoding only. Written after the documentation of those servers, and for
`llama.cpp` after the server itself, to test what the client makes of their ways where they themselves cannot run.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch

from moss_agent.engine.text_stream import TextStream

CONTEXT = 512


class ModelServer(ThreadingHTTPServer):
    """Serves one model.

    scripts: for each request in turn, tokens that the model writes whatever its logits say, before it is free.
    requests: the bodies of the requests for text. aborted: set once a client has gone away in the middle. pauses_after:
    so many tokens of an answer, until `goes_on` is set: so that the answer cannot be whole before the client has gone.
    """

    daemon_threads = False  # a thread that computes while the interpreter ends brings it down

    def __init__(
        self, model: Any, tokenizer: Any, kind: str, scripts: Sequence[list[int]] = (), pauses_after: int = 0
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model, self.tokenizer, self.kind = deepcopy(model), tokenizer, kind
        self.model.set_attn_implementation("eager")  # a backend of ours may have changed that
        self.scripts = list(scripts)
        self.requests: list[dict[str, Any]] = []
        self.aborted = threading.Event()
        self.pauses_after = pauses_after
        self.goes_on = threading.Event()

    def handle_error(self, *_: object) -> None:
        """A client that has gone away is no error."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""

    def do_GET(self) -> None:
        owner, context = ("vllm", {"max_model_len": CONTEXT}) if self.server.kind == "vllm" else ("llamacpp", {})
        pages = {"/v1/models": {"data": [{"id": "tiny", "owned_by": owner, **context}]}}
        if self.server.kind == "llama.cpp":
            pages["/props"] = {"default_generation_settings": {"n_ctx": CONTEXT}}
        self._json(pages.get(self.path, {"error": "no such page"}), 200 if self.path in pages else 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            text, plain = body.get("prompt", body.get("content")), body.get("parse_special") is False
            ids = self.server.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=plain)
            self._json({"tokens": ids})
        elif len(body["prompt"]) + body["max_tokens"] > CONTEXT:
            self._json({"error": {"message": f"This model's maximum context length is {CONTEXT} tokens."}}, 400)
        elif body.get("repeat_last_n", 0) < 0:
            self._json({"error": {"message": "Field 'repeat_last_n': Value must be between 0 <= value"}}, 400)
        else:
            self.server.requests.append(body)
            self._stream(body)

    def _json(self, data: object, status: int = 200) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for choice in self._choices(list(body["prompt"]), body["max_tokens"]):
                self._chunk("data: " + json.dumps({"choices": [choice]}) + "\n\n")
            self._chunk("data: [DONE]\n\n")
            self._chunk("")
        except OSError:
            self.server.aborted.set()

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _choices(self, ids: list[int], limit: int) -> Iterator[dict[str, Any]]:
        tells, stream = self.server.kind == "vllm", TextStream(self.server.tokenizer.decode)
        script = self.server.scripts.pop(0) if self.server.scripts else []
        for step in range(1, limit + 1):
            with torch.inference_mode():
                token = int(self.server.model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
            token = script.pop(0) if script else token
            ended = token == self.server.tokenizer.eos_token_id
            text = stream.flush() if ended else stream.push(token)
            finish = "stop" if ended else "length" if step == limit else None
            yield {"text": text, "finish_reason": finish} | ({"token_ids": [token]} if tells else {})
            if ended:
                return
            ids.append(token)
            if step == self.server.pauses_after:
                self.server.goes_on.wait(60)
