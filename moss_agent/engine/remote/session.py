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
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from itertools import chain, islice

from moss_agent.engine.remote.served import ServedModel, Tokens
from moss_agent.engine.remote.stream import Piece
from moss_agent.engine.sampling import Sampling
from moss_agent.engine.session import MARKER_ROOM
from moss_agent.engine.text_stream import StopFilter
from moss_agent.errors import ContextFull, EngineError

LONGEST_TOKEN = 256  # characters


class RemoteSession:
    """One conversation on a served model. Not thread-safe.

    context_length, markers, seed: as for `engine.session.Session`. Other special tokens than the markers mean nothing
    in a text where the server lets us say so (llama.cpp); elsewhere their meaning is the server's.
    """

    def __init__(
        self, served: ServedModel, *, context_length: int, markers: Sequence[str] = (), seed: int | None = None
    ) -> None:
        self._served = served
        self._tokenize = lru_cache(maxsize=128)(served.tokenize)  # most texts that the program writes come again
        self._markers = [marker for marker in markers if len(self._tokenize(marker, special=True)) == 1]
        self._tokens: list[int | str] = []
        self._seen = 0
        self._scale = 1.0  # the server's tokens for one of ours
        self._random = random.Random(seed)
        self.context_length = context_length
        self.stopped_by = ""
        self.cut_off = False
        self.prefilled = 0
        self.generated = 0

    @property
    def length(self) -> int:
        """Tokens in the session: a mark that `rewind` takes."""
        return len(self._tokens)

    @property
    def cached(self) -> int:
        """Tokens that the server has seen before; whether its cache still has them, it does not tell."""
        return self._seen

    @property
    def room(self) -> int:
        """Tokens that still fit."""
        return self.context_length - math.ceil(len(self._tokens) * self._scale)

    def extend(self, text: str) -> None:
        """Append text that the model did not write. Raises ContextFull, changing nothing, if it does not fit."""
        tokens = self._encode(text)
        needed = math.ceil(len(tokens) * self._scale)
        if needed > self.room:
            raise ContextFull(
                f"the text needs {needed} tokens, {self.room} of {self.context_length} are left: shorten it"
            )
        self._tokens += tokens

    def decode(self, stop: Sequence[str], sampling: Sampling) -> Iterator[str]:
        """Let the model write, yielding text piece by piece, up to a stop text or the end of its text.

        Afterwards `stopped_by` is the stop text, which the session then ends with, or "" if the model ended the text
        or was `cut_off` by `max_new_tokens` or a full context. A server may end its text at a stop text and not say
        which: that counts as ended. Closing the iterator ends the request at once.
        Raises ServerError or ContextFull. After an error or an early end the session is as it was before.
        """
        if not self._tokens:
            raise EngineError("there is nothing to continue: extend the session first")
        self.stopped_by, self.cut_off = "", False
        limit = min(sampling.max_new_tokens, self.room - MARKER_ROOM)
        if limit <= 0:
            self.cut_off = True
            return
        filtered, written = StopFilter(stop), _Written(limit)
        pieces = self._served.complete(self._tokens, stop, limit, sampling, self._random.getrandbits(31))
        with closing(pieces):
            for piece in pieces:
                written.add(piece)
                if text := filtered.push(piece.text):
                    yield text
                if filtered.stop or written.too_much:
                    break
            if filtered.stop and self._served.dialect.sends_stops:  # it ends too, and counts its tokens
                written.usage = next((piece.usage for piece in islice(pieces, MARKER_ROOM) if piece.usage), None)
        if rest := filtered.flush():
            yield rest
        self.stopped_by = filtered.stop
        self.cut_off = not filtered.stop and (written.too_much or written.finish == "length")
        self._keep(written, filtered)

    def rewind(self, length: int) -> None:
        """Cut the session back to its first `length` tokens."""
        del self._tokens[length:]
        self._seen = min(self._seen, length)

    def close(self) -> None:
        """Forget everything and close the connection."""
        self.rewind(0)
        self._served.connection.close()

    def _keep(self, written: _Written, filtered: StopFilter) -> None:
        """Append what was written, up to and with the stop text."""
        tokens = self._encode_written(written, filtered)
        self.prefilled += len(self._tokens) - self._seen
        self.generated += written.usage[1] if written.usage else written.tokens
        self._tokens += tokens
        self._seen = len(self._tokens)
        if written.usage and self._served.dialect.tokenize is None:
            self._scale = sum(written.usage) / len(self._tokens)

    def _encode_written(self, written: _Written, filtered: StopFilter) -> Tokens:
        """The tokens that the server told, if it did; a last one that says more than the stop text is cut in two."""
        text = "".join(piece.text for piece in written.pieces)
        if not written.told:
            return self._encode(text.removesuffix(filtered.surplus))
        *before, last = [list(piece.tokens) for piece in written.pieces] or [[]]
        if filtered.surplus:
            last = self._encode(written.pieces[-1].text.removesuffix(filtered.surplus))
        elif written.finish == "stop" and not filtered.stop:  # the end token: it is told, but is no part of the text
            last = last[:-1]
        return [*chain.from_iterable(before), *last]

    def _encode(self, text: str) -> Tokens:
        """Tokens of `text`, in which the markers are special tokens where the model has such."""
        if not self._markers:
            return self._tokenize(text)
        tokens: list[int | str] = []
        for part in filter(None, re.split("(" + "|".join(map(re.escape, self._markers)) + ")", text)):
            tokens += self._tokenize(part, special=part in self._markers)
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
        self.usage: tuple[int, int] | None = None

    @property
    def too_much(self) -> bool:
        """Whether the server goes on writing beyond what it was asked for."""
        return self.tokens > self._limit if self.told else self._characters > self._limit * LONGEST_TOKEN

    def add(self, piece: Piece) -> None:
        self.finish, self.usage = piece.finish or self.finish, piece.usage or self.usage
        if piece.text or piece.tokens:
            self.pieces.append(piece)
            self.told = self.told and bool(piece.tokens)
            self.tokens += len(piece.tokens) or 1
            self._characters += len(piece.text)
