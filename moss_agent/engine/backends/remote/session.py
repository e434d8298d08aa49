"""A session on a served model: the tokens of one conversation, sent whole with every request.

What was sent before is for the server to keep: vLLM and llama.cpp find the longest beginning that they still have in
their KV cache, so that only what is new is computed there too. Where the server has a tokenizer to offer, the tokens
are exactly those that a local session would have; elsewhere they are estimated, and put right by the server's own
count after each answer.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import chain, islice

from moss_agent.cancellation import NEVER, Cancellation
from moss_agent.engine.backends.remote.served import ServedModel, Tokens, scale
from moss_agent.engine.backends.remote.stream import LONGEST_TOKEN, Piece, Usage
from moss_agent.engine.text_stream import StopFilter
from moss_agent.errors import EngineError
from moss_agent.session import MARKER_ROOM, Finish, Generation, Sampling, check_room, count_common

REMEMBERED = 256  # texts whose tokens are kept


class RemoteModel:
    """Opens sessions on a served model. Thread-safe.

    context_length, markers, seed: as for `engine.local.LocalModel`. Other special tokens than the markers mean nothing
    in a text where the server lets us say so (llama.cpp); elsewhere their meaning is the server's.
    """

    def __init__(
        self, served: ServedModel, *, context_length: int, markers: Sequence[str] = (), seed: int | None = None
    ) -> None:
        self.context_length = context_length
        self.served = served
        self._known: dict[tuple[str, bool], Tokens] = {}  # most texts that the program writes come again
        self._markers = markers
        self._seed = seed

    def count(self, text: str) -> int:
        return len(self.tokenize(text))

    def tokenize(self, text: str, special: bool = False, cancellation: Cancellation = NEVER) -> Tokens:
        """Return `ServedModel.tokenize`, from memory if the text was asked for lately."""
        if (tokens := self._known.get((text, special))) is None:
            tokens = self.served.tokenize(text, special, cancellation)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[text, special] = tokens
        return tokens

    def session(self, preamble: str) -> RemoteSession:
        markers = [marker for marker in self._markers if len(self.tokenize(marker, special=True)) == 1]
        return RemoteSession(self, markers, preamble, random.Random(self._seed))

    def close(self) -> None:
        self.served.connection.close()


class RemoteSession:
    """One conversation on a served model. Not thread-safe."""

    def __init__(
        self, model: RemoteModel, markers: Sequence[str], preamble: str, random_numbers: random.Random
    ) -> None:
        self.context_length = model.context_length
        self._served = model.served
        self._tokenize = model.tokenize
        self._markers = markers
        self._random = random_numbers
        self._tokens: list[int | str] = []
        self._seen = 0
        self._scale = 1.0  # the server's tokens for one of ours
        self.extend(preamble)
        self._start = self.length

    @property
    def length(self) -> int:
        return len(self._tokens)

    @property
    def room(self) -> int:
        return self.context_length - math.ceil(len(self._tokens) * self._scale)

    def count(self, text: str, cancellation: Cancellation = NEVER) -> int:
        return math.ceil(len(self._encode(text, cancellation)) * self._scale)

    def extend(self, text: str, cancellation: Cancellation = NEVER) -> None:
        tokens = self._encode(text, cancellation)
        check_room(math.ceil(len(tokens) * self._scale), self.room, self.context_length)
        self._tokens += tokens

    def generate(
        self, stop: Sequence[str], sampling: Sampling, cancellation: Cancellation
    ) -> Generator[str, None, Generation]:
        """Yield the text as it comes. A server may end it at a stop text and not say which: as if by the model itself.

        Closing the generator ends the request at once. After an error or an early end the session is as before.
        """
        if not self._tokens:
            raise EngineError("there is nothing to continue: extend the session first")
        limit = min(sampling.max_new_tokens, self.room - MARKER_ROOM)
        filtered, written, shown = StopFilter(stop), _Written(limit), []
        if limit > 0:
            pieces = self._served.complete(
                self._tokens, stop, limit, sampling, self._random.getrandbits(31), cancellation
            )
            with closing(pieces):
                for piece in pieces:
                    written.add(piece)
                    if text := filtered.push(piece.text):
                        shown.append(text)
                        yield text
                    if filtered.stop or written.too_much:
                        break
                if filtered.stop and self._served.kind.sends_stops:  # it ends too, and counts its tokens
                    written.usage = next((piece.usage for piece in islice(pieces, MARKER_ROOM) if piece.usage), None)
            if rest := filtered.flush():
                shown.append(rest)
                yield rest
        return self._keep(written, filtered, "".join(shown), cancellation)

    def replace(self, length: int, text: str, cancellation: Cancellation = NEVER) -> None:
        new = self._encode(text, cancellation)
        room = self.context_length - math.ceil(length * self._scale)
        check_room(math.ceil(len(new) * self._scale), room, self.context_length)
        common = count_common(self._tokens[length:], new)
        self.rewind(length + common)
        self._tokens += new[common:]

    def rewind(self, length: int) -> None:
        del self._tokens[max(length, self._start) :]
        self._seen = min(self._seen, len(self._tokens))

    def close(self) -> None:
        self.rewind(0)

    def _keep(self, written: _Written, filtered: StopFilter, text: str, cancellation: Cancellation) -> Generation:
        """Append what was written, up to and with the stop text."""
        tokens = self._encode_written(written, filtered, cancellation)
        cached, prefilled = self._seen, len(self._tokens) - self._seen
        self._tokens += tokens
        self._seen = len(self._tokens)
        if written.usage and written.usage.prompt and self._served.kind.tokenize is None:
            self._scale = scale(written.usage.prompt + written.usage.written, len(self._tokens))
        generated = written.usage.written if written.usage else written.tokens
        return Generation(text, filtered.stop, written.finish_reason(filtered.stop), cached, prefilled, generated)

    def _encode_written(self, written: _Written, filtered: StopFilter, cancellation: Cancellation) -> Tokens:
        """Return the tokens as the server told them, if it did; one that goes beyond the stop text is cut in two."""
        text = "".join(piece.text for piece in written.pieces)
        if not written.told:
            return self._encode(text.removesuffix(filtered.surplus), cancellation)
        told: list[Tokens] = [piece.tokens for piece in written.pieces] or [()]
        *before, last = told
        if filtered.surplus:
            last = self._encode(written.pieces[-1].text.removesuffix(filtered.surplus), cancellation)
        elif written.finish == "stop" and not filtered.stop:  # the end token: it is told, but is no part of the text
            last = last[:-1]
        return [*chain.from_iterable(before), *last]

    def _encode(self, text: str, cancellation: Cancellation) -> Tokens:
        """Return tokens of `text`, in which the markers are special tokens where the model has such."""
        if not self._markers:
            return self._tokenize(text, cancellation=cancellation)
        tokens: list[int | str] = []
        for part in filter(None, re.split("(" + "|".join(map(re.escape, self._markers)) + ")", text)):
            tokens += self._tokenize(part, part in self._markers, cancellation)
        return tokens


class _Written:
    """What came of one request."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._characters = 0
        self.told = True  # whether the server tells the ids
        self.pieces: list[Piece] = []
        self.tokens = 0
        self.finish = ""
        self.usage: Usage | None = None

    @property
    def too_much(self) -> bool:
        """Whether the server goes on writing beyond what it was asked for."""
        return (self.told and self.tokens > self._limit) or self._characters > self._limit * LONGEST_TOKEN

    def finish_reason(self, stop: str) -> Finish:
        """Return why the text ended, if that stop text was found in it."""
        if stop:
            return "stop"
        return "length" if self._limit <= 0 or self.too_much or self.finish == "length" else "end"

    def add(self, piece: Piece) -> None:
        self.finish, self.usage = piece.finish or self.finish, piece.usage or self.usage
        if piece.text or piece.tokens:
            self.pieces.append(piece)
            self.told = self.told and bool(piece.tokens)
            self.tokens += len(piece.tokens) or 1
            self._characters += len(piece.text)
