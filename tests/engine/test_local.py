"""A session's cache covers the ids that it holds, whatever was guessed and however a text ends."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

from moss_agent.cancellation import Cancellation
from moss_agent.engine.local import LocalModel
from moss_agent.engine.plain_tokenizer import PlainTokenizer
from moss_agent.engine.sampling import Logits
from moss_agent.session import Sampling

LETTERS = "ab."
TOLD = WRITTEN = st.text("ab", min_size=1, max_size=9)


class RememberedCache:
    """Holds the ids that it was computed from."""

    def __init__(self, ids: Sequence[int] = ()) -> None:
        self.ids = list(ids)

    @property
    def length(self) -> int:
        return len(self.ids)

    def cut(self, length: int) -> None:
        del self.ids[max(0, length) :]

    def copy(self) -> RememberedCache:
        return RememberedCache(self.ids)


class WritingBackend:
    """Writes what stands in the text behind as many letters as are cached."""

    guesses_pay = True

    def __init__(self) -> None:
        self.text = ""

    def new_cache(self) -> RememberedCache:
        return RememberedCache()

    def forward(
        self, caches: Sequence[RememberedCache], ids: Sequence[Sequence[int]], wanted: Sequence[int]
    ) -> list[Logits]:
        written = []
        for cache, part, count in zip(caches, ids, wanted, strict=True):
            cache.ids += part
            ends = range(cache.length - count + 1, cache.length + 1)
            written += [LETTERS.index(self.text[end : end + 1] or "a") for end in ends]
        return list(np.eye(len(LETTERS), dtype=np.float32)[written])

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> PlainTokenizer:
    """Each letter is a token."""
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(LETTERS)}, []))
    tokenizer.decoder = decoders.Fuse()
    path = tmp_path_factory.mktemp("letters") / "tokenizer.json"
    tokenizer.save(str(path))
    return PlainTokenizer(path)


@pytest.mark.parametrize("ending", ["stop", "length", "closed"])
@given(rounds=st.lists(st.tuples(TOLD, WRITTEN), min_size=1, max_size=4))
@example(rounds=[("aabaa", "a")])  # "b" is guessed
@example(rounds=[("aabaa", "baa")])
def test_a_guess_that_was_wrong_is_not_cached_when_a_text_ends(letters, ending, rounds):
    backend, text = WritingBackend(), ""
    session = LocalModel(letters, backend, context_length=1024, end_tokens=[]).session("")
    for told, written in rounds:
        session.extend(told)
        text += told + written
        backend.text = text + "."
        most = len(written) + (ending != "length")
        pieces = session.generate(["."], Sampling(max_new_tokens=most), Cancellation())
        assert "".join(islice(pieces, None if ending == "stop" else len(written))) == written
        pieces.close()
        text += "." * (ending == "stop")
        cache = session._sequence.cache
        assert "".join(LETTERS[number] for number in session.ids) == text
        assert cache.ids == session.ids[: cache.length]
