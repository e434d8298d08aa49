"""A server of the completions API in place of vLLM: no model, but given latencies. Prints its port.

    python bench/stand_in.py --first 0.3 --each 0.05 --tokens 128

It tells token ids as vLLM does, and writes a whole turn of MOSS's protocol: a few thoughts, no command, an answer of
so many tokens. first: seconds before the first piece of each request. each: seconds between two pieces.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Iterator

TOKEN = re.compile(r"<e\w\w>| ?\w{1,6}|\W")
THOUGHTS = " The question is simple and needs no plugin<eot>"
WORDS = ("It", "is", "all", "the", "same", "whether", "the", "sea", "is", "calm", "or", "the", "wind", "blows")


class Vocabulary:
    """Ids for pieces of text, given as they come."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._pieces: list[str] = []

    def encode(self, text: str) -> list[int]:
        found = TOKEN.findall(text)
        for piece in found:
            if piece not in self._ids:
                self._ids[piece] = len(self._pieces)
                self._pieces.append(piece)
        return [self._ids[piece] for piece in found]

    def decode(self, ids: list[int]) -> str:
        return "".join(self._pieces[token] for token in ids)


class StandIn:
    def __init__(self, first: float, each: float, tokens: int) -> None:
        self._first, self._each, self._tokens = first, each, tokens
        self._vocabulary = Vocabulary()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length: (\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                await self._answer(head.split(b" ", 2)[1].decode(), json.loads(body or b"{}"), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, body: dict[str, object], writer: asyncio.StreamWriter) -> None:
        if path == "/v1/completions":
            await self._stream(self._vocabulary.decode(list(body["prompt"])), writer)  # type: ignore[call-overload]
            return
        answer: dict[str, object] = {}
        if path == "/tokenize":
            answer = {"tokens": self._vocabulary.encode(str(body["prompt"]))}
        elif path == "/v1/models":
            answer = {"data": [{"id": "moss", "owned_by": "vllm", "max_model_len": 2048}]}
        data = json.dumps(answer).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(data) + data
        )
        await writer.drain()

    async def _stream(self, prompt: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        loop = asyncio.get_running_loop()
        due = loop.time() + self._first
        for piece in self._written(prompt):
            await asyncio.sleep(due - loop.time())
            choice = {"index": 0, "text": piece, "logprobs": None, "finish_reason": None, "stop_reason": None}
            choice["token_ids"] = self._vocabulary.encode(piece)
            event = {"id": "cmpl-0123456789abcdef", "object": "text_completion", "created": 1, "model": "moss"}
            data = f"data: {json.dumps({**event, 'choices': [choice]})}\n\n".encode()
            writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            await writer.drain()
            due += self._each
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()

    def _written(self, prompt: str) -> Iterator[str]:
        if prompt.endswith("Inner Thoughts|>:"):
            yield from TOKEN.findall(THOUGHTS)
        elif prompt.endswith("Commands|>:"):
            yield from (" None", "<eoc>")
        else:
            yield from (f" {WORDS[count % len(WORDS)]}" for count in range(self._tokens))
            yield "<eom>"


async def run(stand_in: StandIn) -> None:
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", 0, backlog=4096, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=float, default=0.3)
    parser.add_argument("--each", type=float, default=0.05)
    parser.add_argument("--tokens", type=int, default=128)
    arguments = parser.parse_args()
    asyncio.run(run(StandIn(arguments.first, arguments.each, arguments.tokens)))


if __name__ == "__main__":
    main()
