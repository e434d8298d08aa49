"""From a rendered chat to token ids: only what the chat template writes may become special tokens.

Before a chat is rendered, each text of an added token inside of it is broken by a character that no text needs. The
template leaves that character where it is. What is whole after rendering was written by the template.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moss_agent.engine.codec import Codec, token_pattern

if TYPE_CHECKING:
    from transformers import AddedToken

BREAK = "\ufdd0"  # a noncharacter: Unicode keeps it for uses inside of a program
CONTEXT = 4  # tokens before a text that decide how it is decoded


@dataclass(frozen=True)
class Part:
    """A piece of a chat: a special token, or the ordinary text between two, with `BREAK` where a token is broken."""

    text: str
    token: int | None = None


@dataclass(frozen=True)
class Held:
    """A part of a chat as a session holds it: what its ids stand for."""

    text: str
    ids: list[int]


class ChatCodec:
    """Splits and encodes chats, and decodes what a model writes after them. Thread-safe.

    tokens: the ids of the added tokens by their texts.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        added: dict[int, AddedToken] = codec.tokenizer.added_tokens_decoder
        # Runs of whitespace are ordinary text although some tokenizers have tokens of their own for them.
        tokens = {token.content: number for number, token in added.items() if len(token.content.strip()) > 1}
        self.tokens: Mapping[str, int] = tokens
        self._texts = {number: text for text, number in tokens.items()}
        longest_first = sorted((added[number] for number in tokens.values()), key=lambda token: -len(token.content))
        any_token = "|".join(re.escape(token.content) for token in longest_first) or "(?!)"
        self._first_letter = re.compile(f"(?={any_token})(.)", re.DOTALL)
        self._split = re.compile("|".join(map(token_pattern, longest_first)) or "(?!)")
        self._heads = {text[:n] for text in tokens for n in range(2, len(text))}
        self._tails = {text[-n:] for text in tokens for n in range(2, len(text))}
        self._longest = max(map(len, tokens), default=0)

    def neutral(self, value: Any) -> Any:
        """Return texts, or lists and mappings of them, such that no added token is left in them, nor between them."""
        if isinstance(value, str):
            return self._neutral(value)
        if isinstance(value, Mapping):
            return {self.neutral(key): self.neutral(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.neutral(item) for item in value]
        return value

    def split(self, chat: str) -> list[Part]:
        """Return the special tokens of a rendered chat and what is between them."""
        texts = [text for text in self._split.split(chat) if text]
        return [Part(text, self.tokens.get(text)) for text in texts]

    def encode(self, part: Part) -> list[int]:
        """Return the ids of a part of a chat."""
        if part.token is not None:
            return [part.token]
        return [number for text in part.text.split(BREAK) if text for number in self._codec.encode_further(text)]

    def follow(self, held: Sequence[Held], parts: Sequence[Part]) -> list[Held]:
        """Return the parts as they are to be held: with the ids that are held already, as far as they are the same."""
        pairs = zip(held, parts, strict=False)
        same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0].text == pair[1].text, pairs))
        new = [Held(part.text, self.encode(part)) for part in parts[same:]]
        if same == len(held) - 1 and new and parts[same].text.startswith(held[same].text):
            rest = Part(parts[same].text[len(held[same].text) :])
            new[0] = Held(parts[same].text, held[same].ids + self.encode(rest))
        return [*held[:same], *new]

    def record(self, held: Sequence[Held], ids: Sequence[int]) -> list[Held]:
        """Return what is held when a model has written these ids."""
        before = [number for part in held[-CONTEXT:] for number in part.ids]
        recorded = list(held)
        for part in self._written(ids, before):
            last = recorded[-1] if recorded else None
            if last and last.text not in self.tokens and part.text not in self.tokens:
                recorded[-1] = Held(last.text + part.text, last.ids + part.ids)
            else:
                recorded.append(part)
        return recorded

    def _written(self, ids: Sequence[int], after: Sequence[int]) -> Iterator[Held]:
        """Yield the special tokens that a model has written after other ids, and what is between them."""
        known = [*after[-CONTEXT:], *ids]
        start = len(known) - len(ids)
        ends = [n for n in range(start, len(known)) if known[n] in self._texts]
        for end in (*ends, len(known)):
            if end > start:
                before = known[max(0, start - CONTEXT) : start]
                text = self._codec.decode(before + known[start:end])[len(self._codec.decode(before)) :]
                yield Held(self._neutral(text), known[start:end])
            for number in known[end : end + 1]:
                yield Held(self._texts[number], [number])
            start = end + 1

    def _neutral(self, text: str) -> str:
        text = text.replace(BREAK, "").encode(errors="replace").decode()  # half a character cannot be encoded
        text = self._first_letter.sub(rf"\1{BREAK}", text)
        lengths = range(2, min(self._longest, len(text) + 1))
        begins = BREAK if any(text[:n] in self._tails for n in lengths) else ""
        ends = BREAK if any(text[-n:] in self._heads for n in lengths) else ""
        return begins + text + ends
