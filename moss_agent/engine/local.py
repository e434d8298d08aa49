"""A model in this process: sessions of text over sequences of ids, stepped together by one scheduler."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Generator, Mapping
from collections.abc import Sequence as List
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from moss_agent.cancellation import NEVER, Cancellation
from moss_agent.engine.codec import Codec, TextTokenizer
from moss_agent.engine.lookup import Lookup
from moss_agent.engine.sampling import Logits, next_token, without
from moss_agent.engine.scheduler import Scheduler
from moss_agent.engine.sequence import Backend, Prefix, Sequence
from moss_agent.engine.text_stream import StopFilter, TextStream
from moss_agent.errors import EngineError
from moss_agent.session import MARKER_ROOM, Finish, Generation, Sampling, check_room, count_common


class LocalModel:
    """Opens sessions on one model. Thread-safe; sessions with the same preamble compute it once.

    context_length: most tokens that a session may hold. first_tokens: stand before each preamble. end_tokens: end a
    text. own_sampling: how the model is meant to be sampled, as arguments of `Sampling`.
    cache_tokens: most tokens that the caches of all sessions may cover together; at least one whole session.
    seed: makes the sampling of each session reproducible; None for random ones.
    release: called when the device is out of memory; says whether it gave some back.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        backend: Backend,
        *,
        context_length: int,
        first_tokens: List[int] = (),
        end_tokens: Collection[int],
        own_sampling: Mapping[str, Any] = {},
        cache_tokens: int = 0,
        markers: List[str] = (),
        seed: int | None = None,
        release: Callable[[], bool] = lambda: False,
    ) -> None:
        self.context_length = context_length
        self.codec = Codec(tokenizer, markers)
        self.end_tokens = set(end_tokens)
        self._first_tokens = first_tokens
        self.own_sampling = own_sampling
        self.scheduler = Scheduler(backend, tokens=max(cache_tokens, context_length), release=release)
        self._seed = seed
        self._opening = threading.Lock()
        self._prefixes: WeakValueDictionary[tuple[int, ...], Prefix] = WeakValueDictionary()
        self._last: Prefix | None = None  # is kept although no session has it

    def count(self, text: str) -> int:
        return len(self.codec.encode(text))

    def session(self, preamble: str) -> LocalSession:
        return self.session_of([*self._first_tokens, *self.codec.encode(preamble)])

    def session_of(self, preamble: List[int]) -> LocalSession:
        """Open a session that begins with these ids. Raises ContextFull if they alone do not fit."""
        ids = tuple(preamble)
        check_room(len(ids), self.context_length, self.context_length)
        with self._opening:
            prefix = self._last = self._prefixes.setdefault(ids, Prefix(ids))
        return LocalSession(self, Sequence(prefix), self._seed)

    def close(self) -> None:
        self._last = None
        self.scheduler.close()


class LocalSession:
    """One conversation on a local model. Not thread-safe."""

    def __init__(self, model: LocalModel, sequence: Sequence, seed: int | None) -> None:
        self.context_length = model.context_length
        self._model = model
        self._sequence = sequence
        self._random = np.random.default_rng(None if seed is None else seed % 2**64)

    @property
    def length(self) -> int:
        return len(self._sequence.ids)

    @property
    def room(self) -> int:
        return self.context_length - len(self._sequence.ids)

    def count(self, text: str, cancellation: Cancellation = NEVER) -> int:
        return self._model.count(text)

    def extend(self, text: str, cancellation: Cancellation = NEVER) -> None:
        self.append(self._model.codec.encode(text, self._sequence.ids))

    @property
    def ids(self) -> List[int]:
        """What the session holds: the preamble, what was appended, and what the model wrote."""
        return self._sequence.ids

    @property
    def preamble(self) -> List[int]:
        """The ids that are never removed."""
        return self._sequence.prefix.ids

    def append(self, ids: List[int]) -> None:
        """Append ids that the model did not write. Raises ContextFull, changing nothing, if they do not fit."""
        check_room(len(ids), self.room, self.context_length)
        self._sequence.ids += ids

    def generate(
        self,
        stop: List[str],
        sampling: Sampling,
        cancellation: Cancellation,
        *,
        banned: List[int] = (),
    ) -> Generator[str, None, Generation]:
        """As every session does; banned: tokens that are never chosen."""
        sequence, stream, filtered = self._sequence, TextStream(self._model.codec.decode), StopFilter(stop)
        if not sequence.ids:
            raise EngineError("there is nothing to continue: extend the session first")
        pieces: list[str] = []
        finish: Finish = "length"
        begin, generated = len(sequence.ids), 0
        tokens = _Tokens(self._model, sequence, cancellation)
        try:
            for _ in range(min(sampling.max_new_tokens, self.room - MARKER_ROOM)):
                token = next_token(without(tokens.logits(), banned), sequence.ids, sampling, self._random)
                tokens.chosen(token)
                generated += 1
                if token in self._model.end_tokens and self._model.codec.decode([token]) not in stop:
                    finish = "end"
                    break
                sequence.ids.append(token)
                if piece := filtered.push(stream.push(token)):
                    pieces.append(piece)
                    yield piece
                if filtered.stop:
                    finish = "stop"
                    self._drop_surplus(stream, filtered.surplus)
                    break
        finally:
            sequence.cut(len(sequence.ids))  # without what was guessed
            self._model.scheduler.pause(sequence)
        prefilled = tokens.prefilled
        if not filtered.stop and (rest := filtered.push(stream.flush()) + filtered.flush()):
            pieces.append(rest)
            yield rest
        return Generation("".join(pieces), filtered.stop, finish, max(0, begin - prefilled), prefilled, generated)

    def replace(self, length: int, text: str, cancellation: Cancellation = NEVER) -> None:
        old = self._sequence.ids
        new = self._model.codec.encode(text, old[:length])
        check_room(len(new), self.context_length - length, self.context_length)
        common = count_common(old[length:], new)
        self.rewind(length + common)
        self._sequence.ids += new[common:]

    def rewind(self, length: int) -> None:
        self._sequence.cut(max(length, len(self._sequence.prefix.ids)))

    def close(self) -> None:
        self.rewind(0)
        self._model.scheduler.forget(self._sequence)

    def _drop_surplus(self, stream: TextStream, surplus: str) -> None:
        """Keep of the last tokens only what belongs to the stop text."""
        kept = stream.given[: len(stream.given) - len(surplus)]
        if kept != stream.text:
            self._sequence.cut(self.length - stream.tokens)
            self._sequence.ids += self._model.codec.encode(kept, self._sequence.ids)


class _Tokens:
    """The logits of a text that is written, token by token: several of them come of one step where a guess was right.

    prefilled: tokens that were computed before the first one.
    """

    def __init__(self, model: LocalModel, sequence: Sequence, cancellation: Cancellation) -> None:
        self._model, self._sequence, self._cancellation = model, sequence, cancellation
        self._lookup = Lookup(sequence.ids)
        self._guess: List[int] = ()  # what is left of it, with the logits after each of its tokens
        self._ahead: list[Logits] = []
        self._guessed = self._right = 0
        self.prefilled = 0

    def logits(self) -> Logits:
        """Return the logits after the last token. Raises as `Scheduler.logits` does."""
        if self._ahead:
            return self._ahead.pop(0)
        if self._guessed:
            self._lookup.learn(self._guessed, self._right)
        guess = self._lookup.guess()[: self._model.context_length - len(self._sequence.ids)]
        (first, *self._ahead), computed = self._model.scheduler.logits(self._sequence, self._cancellation, guess)
        self.prefilled = self.prefilled or computed  # others may compute the prefix, or take the cache, until then
        self._guess, self._guessed, self._right = guess, len(self._ahead), 0
        return first

    def chosen(self, token: int) -> None:
        """Note the token that the sequence gets next: what was computed ahead holds only behind the guessed one."""
        if not self._ahead:
            return
        if token == self._guess[self._right]:
            self._right += 1
        else:
            self._ahead.clear()
            self._sequence.cut(len(self._sequence.ids))  # or the guess would be taken for the token
