"""Batches behind a preamble have the loss and the gradients of their conversations in rows of the general trainer."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from peft import PeftModel
from transformers import LlamaConfig, LlamaForCausalLM

from examples.mini.batches import SHAPES, Prompted, batch, batches
from examples.mini.learner import Learner
from examples.mini.train import conversations
from moss_agent.training import learner as general
from moss_agent.training.packing import pack
from moss_agent.training.weights import with_adapter
from tests.training.encoded import moss_tokenizer

pytestmark = pytest.mark.slow  # importing peft takes seconds

PREAMBLE = (1, 2, 3, 4, 5, 6)


def prompted(number: int, length: int, preamble: tuple[int, ...] = PREAMBLE) -> Prompted:
    ids = [(number * 7 + place * (number + 3)) % 64 for place in range(length)]
    return Prompted(preamble, ids, [place % 3 > 0 for place in range(length)])


def adapted() -> PeftModel:
    """A tiny model with an adapter that changes something."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, tie_word_embeddings=True,
    )  # fmt: skip
    model = with_adapter(LlamaForCausalLM(config), 4, "")
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def learned(learner: torch.nn.Module, row: object) -> tuple[float, int, dict[str, torch.Tensor]]:
    loss, right = learner(row)
    loss.backward()
    gradients = {name: each.grad for name, each in learner.named_parameters() if each.requires_grad}
    return loss.item(), int(right), gradients


@pytest.mark.parametrize("count", [1, 5])
def test_a_batch_has_the_loss_and_gradients_of_its_conversations(count):
    chosen = [prompted(number, length) for number, length in enumerate((24, 90, 9, 40, 96)[-count:])]
    with torch.compiler.set_stance("force_eager"):
        loss, right, gradients = learned(Learner(adapted()), batch(chosen, 96))
    whole = [([*PREAMBLE, *each.ids], [False] * (len(PREAMBLE) + 1) + [*each.written[1:]]) for each in chosen]
    expected, as_many, others = learned(general.Learner(adapted()), pack(whole))
    assert right == as_many
    assert loss == pytest.approx(expected, rel=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, others[name], rtol=1e-3, atol=1e-5, msg=name)


def test_conversations_of_one_kind_are_batched_and_long_ones_left_out():
    alike = [prompted(number, 70) for number in range(SHAPES[96])]
    made = list(
        batches([*alike[:5], prompted(1, 100), prompted(2, max(SHAPES) + 1), prompted(3, 70, (9, 9)), *alike[5:]])
    )
    assert [tuple(each.ids.shape) for each in made] == [(SHAPES[96], 96)]
    assert made[0].shared == len(PREAMBLE)
    assert made[0].tokens == SHAPES[96] * (len(PREAMBLE) + 70)
    assert [row[:70].tolist() for row in made[0].ids] == [each.ids for each in alike]


def test_plugins_of_the_users_own_wait_for_no_other_conversation_with_them():
    tokenizer = moss_tokenizer()
    own, standard = (list(islice(conversations(0, {kind: 1}, tokenizer), 30)) for kind in ("custom", "talk"))
    assert {each.preamble for each in own} == {()}
    assert all(tokenizer.decode(each.ids[:20]).startswith("You are MOSS mini") for each in own)
    assert any(each.preamble for each in standard)
