"""MOSS's tokenizer: CodeGen's byte-level BPE with end markers of its own.

One question the published files leave open. The original tokenizer removed the whitespace on both sides of added
tokens that were stored as bare strings: `<eoh>\\n` lost its newline before the model saw it. Stored as objects they
kept it. Here whitespace is kept, as the protocol writes it; `strip_added_tokens` removes it. Put
`"strip_added_tokens": true` into a checkpoint's `tokenizer_config.json` if its answers are better so.
"""

from __future__ import annotations

import re
from typing import Any

from transformers import AddedToken, CodeGenTokenizer

_MARKER = re.compile(r"<\S+>")


class MossTokenizer(CodeGenTokenizer):
    """Reads `vocab.json`, `merges.txt` and `added_tokens.json`, or a `tokenizer.json` written by itself.

    strip_added_tokens: whether added tokens swallow the whitespace on both sides of them.

    Added tokens that look like markers, such as `<eom>`, are special: `split_special_tokens=True` encodes their text as
    ordinary characters. The runs of spaces among the added tokens are not.
    """

    def __init__(
        self,
        vocab: str | dict[str, int] | None = None,
        merges: str | list[str] | None = None,
        unk_token: str = "<|endoftext|>",
        bos_token: str = "<|endoftext|>",
        eos_token: str = "<eom>",
        pad_token: str | None = None,
        strip_added_tokens: bool = False,
        added_tokens_decoder: dict[int, AddedToken] | None = None,
        **options: Any,
    ) -> None:
        options.pop("auto_map", None)
        added = {index: _added(str(token), strip_added_tokens) for index, token in (added_tokens_decoder or {}).items()}
        named = {str(token): token for token in added.values()}
        given = {"unk_token": unk_token, "bos_token": bos_token, "eos_token": eos_token, "pad_token": pad_token}
        special: dict[str, Any] = {role: named.get(str(token), token) for role, token in given.items()}
        super().__init__(
            vocab=vocab,
            merges=merges,
            **special,
            strip_added_tokens=strip_added_tokens,
            added_tokens_decoder=added,
            **options,
        )


def _added(text: str, strip: bool) -> AddedToken:
    return AddedToken(text, lstrip=strip, rstrip=strip, normalized=False, special=bool(_MARKER.fullmatch(text)))
