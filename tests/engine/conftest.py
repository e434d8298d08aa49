"""Tiny models and their tokenizers, made where a test asks for one: torch takes long to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """End markers are several ordinary tokens, as in the mini model."""
    from tests.engine.tiny import make_tokenizer

    return make_tokenizer([])


@pytest.fixture(scope="session")
def marker_tokenizer() -> PreTrainedTokenizerFast:
    """End markers are single special tokens, as in MOSS."""
    from tests.engine.tiny import make_tokenizer

    return make_tokenizer(["<eoh>", "<eot>", "<eoc>", "<eor>", "<eom>"])


@pytest.fixture(scope="session", params=["llama", "gpt2", "codegen", "mistral"])
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    from tests.engine import tiny

    return tiny.make_model(getattr(tiny, request.param))
