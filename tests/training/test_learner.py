"""The loss of rows: that of each conversation alone, whatever stands in the row beside it."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import FalconConfig, FalconForCausalLM, MixtralConfig, MixtralForCausalLM, PreTrainedModel

from moss_agent.engine.attention import attend
from moss_agent.training import attention
from moss_agent.training.learner import Learner
from moss_agent.training.packing import Tokens, pack
from tests.training.models import SIZES, conversation, gemma2, gpt2, llama, moss, opt, qwen

CONVERSATIONS = [conversation(number, length) for number, length in enumerate((24, 31, 9, 40))]
pytestmark = pytest.mark.slow  # importing peft takes seconds


def alone(model: PreTrainedModel, conversations: list[Tokens]) -> torch.Tensor:
    """The sum of the losses, one conversation after the other, by the model's own attention."""
    losses = []
    for ids, written in conversations:
        logits = model(torch.tensor([ids])).logits[0, :-1]
        learned = torch.tensor(written[1:])
        losses.append(cross_entropy(logits[learned], torch.tensor(ids[1:])[learned], reduction="sum"))
    return torch.stack(losses).sum()


def gradients(model: PreTrainedModel, loss: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("build", [llama, qwen, moss])
@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("attend_part", [attention._attend_plainly, attend], ids=["on CPUs", "on GPUs"])
def test_packed_conversations_have_the_loss_and_gradients_that_they_have_alone(build, count, attend_part, monkeypatch):
    monkeypatch.setattr(attention, "_attend_plainly", attend_part)
    chosen = CONVERSATIONS[:count]
    plain = build().eval()
    expected = alone(plain, chosen)
    model = build()
    learner = Learner(model).eval()
    loss, right = learner(pack(chosen))
    assert learner.packs and 0 <= right <= sum(sum(written) for _, written in chosen)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    for one, other in zip(gradients(model, loss), gradients(plain, expected), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_conversation_does_not_see_the_one_before_it():
    learner = Learner(llama()).eval()
    first, second, other = CONVERSATIONS[0], CONVERSATIONS[1], CONVERSATIONS[3]
    with torch.no_grad():
        beside_first, beside_other = (
            learner(pack([neighbour, second]))[0] - learner(pack([neighbour]))[0] for neighbour in (first, other)
        )
    torch.testing.assert_close(beside_first, beside_other, rtol=1e-4, atol=1e-4)


def test_a_model_with_windows_of_attention_takes_one_conversation_a_row():
    model = gemma2().eval()
    learner = Learner(model)
    assert not learner.packs
    with torch.no_grad():
        expected = alone(model, CONVERSATIONS[3:])
        torch.testing.assert_close(learner(pack(CONVERSATIONS[3:]))[0], expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match=r"^this model takes one conversation a row: make rows with packs\(.*\)$"):
        learner(pack(CONVERSATIONS[:2]))


def falcon() -> PreTrainedModel:
    """Reads its dropout from the config in each forward."""
    torch.manual_seed(0)
    return FalconForCausalLM(FalconConfig(**SIZES, num_attention_heads=4, hidden_dropout=0.5, attention_dropout=0.5))


def mixtral() -> PreTrainedModel:
    """Multiplies what its router sees by random numbers in training."""
    torch.manual_seed(0)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 4}
    return MixtralForCausalLM(MixtralConfig(**SIZES, **heads, router_jitter_noise=0.9))


@pytest.mark.parametrize("build", [gpt2, opt, gemma2, falcon, mixtral])
def test_nothing_is_dropped_in_training_and_the_config_keeps_its_shares(build):
    model = build()
    before = model.config.to_dict()
    with torch.no_grad():
        expected = alone(build().eval(), CONVERSATIONS[3:])
        learner = Learner(model)
        for _ in range(2):
            loss, _ = learner(pack(CONVERSATIONS[3:]))
            torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
            assert learner.eval().model.config.to_dict() == before
            learner.train()


def test_computing_activations_twice_changes_nothing():
    rows = pack(CONVERSATIONS)
    model = llama()
    plain = gradients(model, Learner(model).train()(rows)[0])
    model.gradient_checkpointing_enable({"use_reentrant": False})
    for one, other in zip(gradients(model, Learner(model).train()(rows)[0]), plain, strict=True):
        torch.testing.assert_close(one, other)
