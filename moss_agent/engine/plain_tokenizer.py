"""A tokenizer of the library `tokenizers` alone, which is imported in no time."""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Tokenizer


class PlainTokenizer:
    """Implements `codec.TextTokenizer`. path: its tokenizer.json."""

    def __init__(self, path: Path) -> None:
        self._inner = Tokenizer.from_file(str(path))

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        added: dict[int, AddedToken] = self._inner.get_added_tokens_decoder()
        return added

    def get_added_vocab(self) -> dict[str, int]:
        return {token.content: number for number, token in self.added_tokens_decoder.items()}

    def encode(self, text: str, *, add_special_tokens: bool, split_special_tokens: bool) -> list[int]:
        self._inner.encode_special_tokens = split_special_tokens
        ids: list[int] = self._inner.encode(text, add_special_tokens=add_special_tokens).ids
        return ids

    def decode(self, ids: list[int], *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool) -> str:
        """Return the text; spaces are never cleaned up."""
        assert not clean_up_tokenization_spaces
        text: str = self._inner.decode(ids, skip_special_tokens=skip_special_tokens)
        return text
