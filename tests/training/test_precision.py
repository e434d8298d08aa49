"""The precision that training chooses by itself."""

from __future__ import annotations

import pytest
import torch

from moss_agent.errors import UsageError
from moss_agent.training import precision
from moss_agent.training.precision import choose_precision, is_faster

CPU = torch.device("cpu")
pytestmark = pytest.mark.slow  # importing torch takes seconds


def test_what_is_asked_for_is_taken_unless_it_loses_gradients():
    assert [choose_precision(name, CPU) for name in ("fp32", "bf16")] == [torch.float32, torch.bfloat16]
    assert choose_precision("fp16", CPU) == torch.float32
    with pytest.raises(UsageError, match="no dtype 'fp8'"):
        choose_precision("fp8", CPU)


@pytest.mark.parametrize(("has_16_bits", "kernels"), [(False, "AVX512"), (True, "AVX2"), (True, "DEFAULT")])
def test_a_processor_or_kernels_without_16_bits_compute_in_32(monkeypatch, has_16_bits, kernels):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_16_bits)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: kernels)
    assert choose_precision("auto", CPU) == torch.float32


@pytest.mark.parametrize(("is_fast", "chosen"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_processor_with_16_bits_computes_in_what_it_is_faster_in(monkeypatch, is_fast, chosen):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(precision, "is_faster", lambda *_: is_fast)
    assert choose_precision("auto", CPU) == chosen


def test_64_bits_take_longer_than_32():
    assert is_faster(torch.float32, torch.float64) and not is_faster(torch.float64, torch.float32)
