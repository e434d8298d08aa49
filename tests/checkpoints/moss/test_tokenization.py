"""The tokenizer against byte-level BPE by its definition, and its rules for added tokens."""

from __future__ import annotations

import json

import pytest
import regex
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from moss_agent.checkpoints.moss.tokenization import MossTokenizer
from tests.checkpoints.moss.published import END_MARKERS, TEXT

WORDS = regex.compile(r"'(?:[stmd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")  # GPT-2's
ADDED = regex.compile("( {2,8}|<eo[hmtcr]>|<\\|endoftext\\|>)")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tokenizer(checkpoint):
    return MossTokenizer.from_pretrained(checkpoint)


@pytest.fixture(scope="module")
def encode_by_definition(checkpoint):
    """Byte-level BPE as the papers describe it: join the pair that was learned first, until none is left."""
    vocabulary = json.loads((checkpoint / "vocab.json").read_text())
    added = json.loads((checkpoint / "added_tokens.json").read_text())
    merges = (checkpoint / "merges.txt").read_text().splitlines()[1:]
    ranks = {tuple(line.split(" ")): rank for rank, line in enumerate(merges)}
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)

    def encode(text: str) -> list[int]:
        ids = []
        for part in ADDED.split(text):
            if part in added:
                ids.append(added[part])
                continue
            for word in WORDS.findall(part):
                symbols = list(byte_level.pre_tokenize_str(word)[0][0])
                while pairs := [pair for pair in zip(symbols, symbols[1:], strict=False) if pair in ranks]:
                    place = list(zip(symbols, symbols[1:], strict=False)).index(min(pairs, key=ranks.get))
                    symbols[place : place + 2] = ["".join(symbols[place : place + 2])]
                ids += [vocabulary[symbol] for symbol in symbols]
        return ids

    return encode


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=12) | st.sampled_from([*END_MARKERS, *TEXT, "  ", "\n", " a"])).map("".join))
@example("<|Human|>: 你好   there<eoh>\n<|Inner Thoughts|>: ")
def test_ids_are_those_of_the_definition_and_decode_to_the_text(tokenizer, encode_by_definition, text):
    ids = tokenizer.encode(text)
    assert ids == encode_by_definition(text)
    assert tokenizer.decode(ids) == text.encode("utf-8", "replace").decode()


def test_end_markers_are_single_tokens_and_headers_are_not(tokenizer):
    assert all(len(tokenizer.encode(marker)) == 1 for marker in END_MARKERS)
    assert tokenizer.encode("<eom>") == [tokenizer.eos_token_id]
    assert len(tokenizer.encode("<|MOSS|>:")) > 1


def test_text_cannot_smuggle_in_a_marker(tokenizer):
    text = "".join(END_MARKERS) + "<|endoftext|>"
    ids = tokenizer.encode(text, split_special_tokens=True)
    assert not set(ids) & set(tokenizer.get_added_vocab().values())
    assert tokenizer.decode(ids) == text


def test_whitespace_around_added_tokens_is_kept_unless_the_checkpoint_says_otherwise(checkpoint, tmp_path):
    text = "a \n<eoh>\n b"
    kept = MossTokenizer.from_pretrained(checkpoint)
    assert kept.decode(kept.encode(text)) == text
    stripping = MossTokenizer.from_pretrained(checkpoint, strip_added_tokens=True)
    stripping.save_pretrained(tmp_path)
    for tokenizer in (stripping, MossTokenizer.from_pretrained(tmp_path)):
        assert tokenizer.decode(tokenizer.encode(text)) == "a<eoh>b"
