"""A session: the token ids of one conversation and the KV cache over them.

The cache always covers a prefix of the ids. `extend` appends ids, `decode` computes whatever the cache
lacks and goes on writing, `rewind` cuts both back. Nothing is computed twice, except the one token whose
logits are needed after a rewind.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from moss_agent.engine.sampling import Sampling, next_token
from moss_agent.engine.text_stream import StopFilter, TextStream
from moss_agent.errors import ContextFull, EngineError, OutOfMemory

if TYPE_CHECKING:
    import torch
    from transformers import AddedToken, DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

PREFILL_CHUNK = 512  # tokens per forward pass: bounds the memory for activations
MARKER_ROOM = 16  # tokens kept free when the context runs full, for the marker that has to follow


class Session:
    """One conversation on one model. Not thread-safe; several sessions may share a model in turn.

    markers: texts that keep their meaning as special tokens; any other special token's text is
        encoded as the ordinary characters it consists of, so that no text can smuggle one in.
    context_length: most tokens that the session may hold.
    seed: makes sampling reproducible; None for a random one.
    release: called when the device is out of memory; if it says that it gave some back, the step is tried again.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        context_length: int,
        markers: Sequence[str] = (),
        seed: int | None = None,
        release: Callable[[], bool] = lambda: False,
    ) -> None:
        import torch

        self._model = model
        # On the meta device are weights that wait on a disk: what carries them in takes the ids along.
        self._device = "cpu" if model.device.type == "meta" else model.device
        self._tokenizer = tokenizer
        self._release = release
        self._cache = new_cache()
        self._ids: list[int] = []
        self._generator = torch.Generator()
        self._generator.manual_seed(seed) if seed is not None else self._generator.seed()
        vocabulary = tokenizer.get_added_vocab()
        self._markers = {marker: vocabulary[marker] for marker in markers if marker in vocabulary}
        self._added = tokenizer.added_tokens_decoder
        self._end_tokens = _end_tokens(model, tokenizer)
        keeps_last = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._last_only = {"logits_to_keep": 1} if keeps_last else {}
        self.context_length = context_length
        self.stopped_by = ""
        self.cut_off = False
        self.prefilled = 0
        self.generated = 0

    @property
    def length(self) -> int:
        """Tokens in the session: a mark that `rewind` takes."""
        return len(self._ids)

    @property
    def cached(self) -> int:
        """Tokens that the KV cache covers."""
        return int(self._cache.get_seq_length())

    @property
    def room(self) -> int:
        """Tokens that still fit."""
        return self.context_length - len(self._ids)

    def extend(self, text: str) -> None:
        """Append text that the model did not write. Raises ContextFull, changing nothing, if it does not fit."""
        last = self._added.get(self._ids[-1]) if self._ids else None
        ids = self._encode(text.lstrip() if last and last.rstrip else text)
        if len(ids) > self.room:
            raise ContextFull(
                f"the text needs {len(ids)} tokens, {self.room} of {self.context_length} are left: shorten it"
            )
        self._ids += ids

    def decode(self, stop: Sequence[str], sampling: Sampling) -> Iterator[str]:
        """Let the model write, yielding text piece by piece, up to a stop text or an end token.

        Afterwards `stopped_by` is the stop text, which the session then ends with, or "" if the model
        ended the text by its end token (not kept) or was `cut_off` by `max_new_tokens` or a full context.
        Closing the iterator early leaves a usable session that holds what was written so far.
        Raises OutOfMemory or EngineError, with the session as it was before the failing token.
        """
        if not self._ids:
            raise EngineError("there is nothing to continue: extend the session first")
        self.stopped_by, self.cut_off = "", False
        stream, filtered = TextStream(self._decode), StopFilter(stop)
        self._cache = cut(self._cache, len(self._ids) - 1)
        pending = len(self._ids) - self.cached
        for step in range(min(sampling.max_new_tokens, self.room - MARKER_ROOM)):
            token = next_token(self._logits(), self._ids, sampling, self._generator)
            self.prefilled += pending if step == 0 else 0
            self.generated += 1
            if token in self._end_tokens and self._decode([token]) not in stop:
                break
            self._ids.append(token)
            text = stream.push(token)
            if piece := filtered.push(text):
                yield piece
            if filtered.stop:
                self._drop_surplus(text, filtered.surplus)
                self.stopped_by = filtered.stop
                return
        else:
            self.cut_off = True
        if rest := filtered.push(stream.flush()) + filtered.flush():
            yield rest

    def rewind(self, length: int) -> None:
        """Cut the session back to its first `length` tokens."""
        self._cache = cut(self._cache, length)
        del self._ids[length:]

    def close(self) -> None:
        """Free the KV cache."""
        self.rewind(0)

    def _logits(self) -> torch.Tensor:
        """`_computed`, if need be with the memory that others can spare."""
        try:
            return self._computed()
        except OutOfMemory:
            if not self._release():
                raise
        return self._computed()

    def _computed(self) -> torch.Tensor:
        """Logits after the last token, (vocabulary,) in float32 on the CPU, prefilling what the cache lacks."""
        import torch

        start = self.cached
        try:
            with torch.inference_mode():
                for i in range(start, len(self._ids), PREFILL_CHUNK):
                    chunk = torch.tensor([self._ids[i : i + PREFILL_CHUNK]], device=self._device)
                    output = self._model(chunk, past_key_values=self._cache, use_cache=True, **self._last_only)
                logits = output.logits[0, -1].float().cpu()
        except BaseException as error:  # it may have reached only some of the layers
            self._cache = cut(self._cache, start)
            if is_out_of_memory(error):
                raise OutOfMemory(
                    f"out of memory at {len(self._ids)} tokens: shorten the conversation or choose a smaller model"
                ) from None
            if isinstance(error, RuntimeError):
                raise EngineError(f"the model failed at {len(self._ids)} tokens: {error}") from error
            raise
        if not torch.isfinite(logits).any():
            raise EngineError(f"the model computed no number at {len(self._ids)} tokens: try --dtype bf16 or fp32")
        return logits

    def _encode(self, text: str) -> list[int]:
        """Token ids of `text`, in which only the markers may be special tokens."""
        if not self._markers:
            return self._encode_ordinary(text)
        ids: list[int] = []
        for part in re.split("|".join(_pattern(self._added[index]) for index in self._markers.values()), text):
            if part:
                ids += [self._markers[part]] if part in self._markers else self._encode_ordinary(part)
        return ids

    def _encode_ordinary(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)

    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def _drop_surplus(self, text: str, surplus: str) -> None:
        """The last token, `text`, said more than the stop text: keep only what belongs to it."""
        if surplus:
            self._ids.pop()
            self._ids += self._encode(text[: len(text) - len(surplus)])


def _pattern(token: AddedToken) -> str:
    """The token's text as a group, with the whitespace that it swallows around it."""
    return r"\s*" * token.lstrip + f"({re.escape(token.content)})" + r"\s*" * token.rstrip


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, CUDA or not, has no memory left."""
    import torch

    said = isinstance(error, RuntimeError) and re.search("out of memory|can't allocate memory", str(error))
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or bool(said)


def cut(cache: DynamicCache, length: int) -> DynamicCache:
    """The cache of the first `length` tokens at most, the same ones in every layer."""
    if length <= 0:
        return new_cache()  # cut to nothing, the layers would still hold their memory
    length = min([length, *(layer.get_seq_length() for layer in cache.layers)])
    for layer in cache.layers:
        layer.crop(length - layer.get_seq_length())
    return cache


def new_cache() -> DynamicCache:
    """An empty cache that grows with what is written."""
    from transformers import DynamicCache

    return DynamicCache()  # without the model's config: every layer keeps everything and can be cut back


def _end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The ids that end a text, by the model's generation settings and its tokenizer."""
    configured = model.generation_config.eos_token_id if model.generation_config else None
    ids = configured if isinstance(configured, list) else [configured]
    return {i for i in (*ids, tokenizer.eos_token_id) if i is not None}
