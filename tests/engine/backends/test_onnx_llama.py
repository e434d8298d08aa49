"""The backend on ONNX Runtime computes a Llama up to its rounding, each sequence as if it were alone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from weakref import ref

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from moss_agent.checkpoints.mini_onnx import rounded, write_parts
from moss_agent.engine.backends.onnx_llama import BLOCK, OnnxCache, OnnxLlama
from tests.engine.tiny import make_model

SIZE = 32  # of a head
CONFIG = {
    "vocab_size": 400,
    "hidden_size": 96,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "head_dim": SIZE,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    return make_model(lambda: LlamaForCausalLM(LlamaConfig(**CONFIG)))


@pytest.fixture(scope="module")
def backend(model: LlamaForCausalLM, tmp_path_factory: pytest.TempPathFactory) -> OnnxLlama:
    folder: Path = tmp_path_factory.mktemp("onnx")
    weights = {name.removesuffix(".weight"): value.numpy() for name, value in model.state_dict().items()}
    theta = model.config.rope_parameters["rope_theta"]
    shape = {
        "layers": 3,
        "heads": 3,
        "key_heads": 1,
        "head_size": SIZE,
        "positions": 1024,
        "frequencies": [theta ** (-place / SIZE) for place in range(0, SIZE, 2)],
        "end_token": 0,
    }
    write_parts(weights, shape, model.config.rms_norm_eps, folder)
    return OnnxLlama(folder / "model.json")


def some_ids(count: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(1, 400, count).tolist()


def is_close(logits: np.ndarray, want: np.ndarray, error: float = 0.02) -> bool:
    """The last bits may differ by processor and number of rows, and then how something is rounded to 8 bits."""
    return bool(np.linalg.norm(logits - want) < error * np.linalg.norm(want))


def filled(backend: OnnxLlama, ids: list[int]) -> OnnxCache:
    cache = backend.new_cache()
    if ids:
        backend.forward([cache], [ids])
    return cache


@pytest.mark.parametrize(("known", "new"), [(0, 1), (0, 300), (40, 1), (250, 50), (500, 24)])
def test_logits_are_those_of_transformers_up_to_rounding(
    model: LlamaForCausalLM, backend: OnnxLlama, known: int, new: int
) -> None:
    ids = some_ids(known + new)
    cache = filled(backend, ids[:known])
    (logits,) = backend.forward([cache], [ids[known:]])
    with torch.inference_mode():
        want = model(torch.tensor([ids])).logits[0, -1].numpy()
    assert cache.length == len(ids) and logits.dtype == np.float32
    assert is_close(logits, want, 0.05)


def test_company_changes_nothing(backend: OnnxLlama) -> None:
    texts = [(some_ids(7, 1), some_ids(3, 2)), ([], some_ids(90, 3)), (some_ids(300, 4), some_ids(1, 5))]
    alone = [backend.forward([filled(backend, known)], [new])[0] for known, new in texts]
    together = backend.forward([filled(backend, known) for known, _ in texts], [new for _, new in texts])
    assert all(is_close(one, other) for one, other in zip(alone, together, strict=True))


def test_many_sequences_are_computed_in_groups(backend: OnnxLlama) -> None:
    known = [some_ids(20 + number, number) for number in range(19)]
    alone = [backend.forward([filled(backend, ids)], [[9]])[0] for ids in known]
    together = backend.forward([filled(backend, ids) for ids in known], [[9]] * 19)
    assert all(is_close(one, other) for one, other in zip(alone, together, strict=True))


def test_a_prepared_step_is_used_for_as_long_as_it_suits(backend: OnnxLlama) -> None:
    """Company comes and goes, a cache grows and is cut: a sequence goes on as if nothing had been prepared."""
    ids = some_ids(BLOCK - 5)
    cache, company = filled(backend, ids), filled(backend, some_ids(30, 7))
    prepared, got = [], []
    for together in (False, False, True, True, False, False, True):
        ids.append(5 + len(got))
        got += backend.forward([cache, company] if together else [cache], [ids[-1:]] * (1 + together))[:1]
        prepared.append(backend._step)
    cache.cut(len(ids) - 1)
    got += backend.forward([cache, company], [ids[-1:], [5]])[:1]
    prepared.append(backend._step)
    again = [first is second for first, second in pairwise(prepared)]
    assert again == [True, False, True, False, False, False, True], "the fifth and sixth differ: the cache has grown"
    lengths = [*range(BLOCK - 4, BLOCK + 3), len(ids)]
    for length, logits in zip(lengths, got, strict=True):
        assert is_close(logits, backend.forward([filled(backend, ids[: length - 1])], [ids[length - 1 : length]])[0])


def test_a_prepared_step_keeps_no_memory_of_caches(backend: OnnxLlama) -> None:
    cache = filled(backend, some_ids(30))
    backend.forward([cache], [[5]])
    step = backend._step
    backend.forward([cache], [[6]])
    assert backend._step is step
    stored = ref(cache.stored)
    del cache
    assert stored() is None and backend._step is step


def test_logits_after_several_tokens_are_those_of_one_after_the_other(backend: OnnxLlama) -> None:
    one, other, beside = filled(backend, some_ids(40)), filled(backend, some_ids(40)), backend.new_cache()
    single = [backend.forward([one], [[token]])[0] for token in (5, 6, 7, 8)]
    several = backend.forward([other, beside], [[5, 6, 7, 8], [9]], [3, 1])
    assert len(several) == 4 and other.length == 44
    assert all(is_close(row, expected) for row, expected in zip(several[:3], single[1:], strict=True))


def test_a_new_token_is_written_behind_the_cached_ones(backend: OnnxLlama) -> None:
    cache = filled(backend, some_ids(BLOCK - 2))
    stored = cache.stored
    for token in (5, 6):
        backend.forward([cache], [[token]])
    assert cache.stored is stored and cache.length == BLOCK
    backend.forward([cache], [[7]])
    assert cache.stored is not stored and cache.length == BLOCK + 1


def test_what_is_cut_off_is_forgotten(backend: OnnxLlama) -> None:
    ids = some_ids(60)
    cache = filled(backend, ids)
    cache.cut(20)
    assert is_close(*(backend.forward([each], [[9, 8]])[0] for each in (cache, filled(backend, ids[:20]))))
    cache.cut(0)
    assert cache.length == 0 and cache.stored.size == 0


def test_a_cut_that_cuts_nothing_moves_nothing(backend: OnnxLlama) -> None:
    """A step that is being computed may be filling the memory."""
    cache = backend.new_cache()
    cache.reserve(30)
    stored = cache.stored
    cache.cut(7)
    assert cache.stored is stored and cache.length == 0


def test_a_copy_grows_on_its_own(backend: OnnxLlama) -> None:
    cache = filled(backend, [5, 6, 7])
    copy = cache.copy()
    backend.forward([copy], [[8, 9]])
    assert is_close(*(backend.forward([each], [[10]])[0] for each in (cache, filled(backend, [5, 6, 7]))))
    assert (cache.length, copy.length) == (4, 5)


def test_a_cache_takes_what_it_says(backend: OnnxLlama) -> None:
    cache = filled(backend, some_ids(BLOCK))
    assert cache.stored.nbytes == BLOCK * backend.token_bytes


def test_weights_are_rounded_to_the_nearest_of_255_levels() -> None:
    weight = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    weight[0, :32] = 0
    levels, scales = rounded(weight)
    again = ((levels.astype(np.float32) - 128) * scales[..., None]).reshape(weight.shape)
    assert np.abs(again - weight).max() <= scales.max() / 2 * 1.001
    assert levels.min() >= 1 and not again[0, :32].any()
