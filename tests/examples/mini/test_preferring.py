"""Tries at problems, pairs of them, and the loss by which the right way is preferred."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from random import Random

import pytest
import torch
from torch.nn.functional import logsigmoid
from transformers import LlamaConfig, LlamaForCausalLM

from examples.mini import attempts, prefer, sampler
from examples.mini.batches import SHAPES, Prompted, batch
from moss_agent.evaluation.judging import Compute
from moss_agent.evaluation.standins import compute
from moss_agent.plugin_host import PluginRunner
from moss_agent.training.weights import with_adapter
from plugins.calculator import calculate
from plugins.equation_solver import solve
from tests.training.encoded import moss_tokenizer

pytestmark = pytest.mark.slow  # importing peft takes seconds

PREAMBLE = (1, 2, 3, 4, 5, 6)


@pytest.fixture(scope="module")
def worth() -> Iterator[Compute]:
    with closing(PluginRunner([calculate, solve])) as runner:
        yield partial(compute, runner)


def llama(vocabulary: int) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, tie_word_embeddings=True,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.mark.parametrize(
    ("commands", "is_right"),
    [
        ('Calculate("3*4")<eoc>', True),
        ('Calculate("24/2")<eoc>', True),
        ('Calculate("3+4")<eoc>', False),
        ('Calculate("3*")<eoc>', False),
        ('Solve("x=12")<eoc>', False),
        ('Calculate("12"), Calculate("12")<eoc>', False),
        ("None<eoc>", False),
    ],
)
def test_a_try_is_right_if_its_commands_give_the_same(commands: str, is_right: bool, worth: Compute) -> None:
    assert attempts.is_right(commands, ' Calculate("3*4")<eoc>', worth) == is_right


def test_wrong_tries_are_paired_with_right_ones_or_else_with_the_conversation(worth: Compute) -> None:
    conversation = next(attempts.conversations(0, moss_tokenizer()))
    wanted = conversation[6][0]
    right, wrong = (" So.<eot>", wanted), (" No.<eot>", ' Calculate("0.5")<eoc>')
    (pair,) = attempts.pairs(Random(0), conversation, [right, wrong, wrong], worth)
    assert [text for text, learn in pair["better"] if learn] == list(right)
    assert [text for text, learn in pair["worse"] if learn] == list(wrong)
    assert pair["better"][:3] == pair["worse"][:3] == conversation[:3]
    (pair,) = attempts.pairs(Random(0), conversation, [wrong], worth)
    assert pair["better"] == conversation
    assert not list(attempts.pairs(Random(0), conversation, [right], worth))


def test_problems_have_all_plugins_and_end_with_their_commands() -> None:
    found = list(islice(attempts.conversations(1, moss_tokenizer()), 20))
    assert all(each[6][0].endswith("<eoc>") and each[6][1] for each in found)
    assert len({each[0] for each in found}) == 1
    assert "disabled" not in found[0][0][0]
    assert found == list(islice(attempts.conversations(1, moss_tokenizer()), 20))


def test_texts_side_by_side_are_those_of_the_model_alone() -> None:
    tokenizer = moss_tokenizer()
    model = llama(len(tokenizer))
    words = tokenizer.encode("one two three four five six seven", add_special_tokens=False)
    texts = [[(words[:count], "\0"), (words[:1], "\0")] for count in (1, 4, 7)]
    with torch.compiler.set_stance("force_eager"):
        drawn = dict(sampler.draw(model, tokenizer, words, texts, 0))
    assert drawn == dict.fromkeys(range(3)), "what does not end is given up"

    first = model.generate(torch.tensor([[*words, *words[:4]]]), max_new_tokens=9, do_sample=False)[0, len(words) + 4 :]
    end = tokenizer.decode(first[3])
    written = tokenizer.decode(first[: 1 + next(i for i in range(9) if tokenizer.decode(first[: i + 1]).endswith(end))])
    with torch.compiler.set_stance("force_eager"):
        drawn = dict(sampler.draw(model, tokenizer, words, [[(words[:4], end)]] * 3, 0))
    assert drawn == dict.fromkeys(range(3), [written])


def test_the_loss_of_pairs_is_that_of_dpo_and_of_the_better_way() -> None:
    model = with_adapter(llama(64), 4, "")
    learner = prefer.Preferring(model)
    conversations = [
        Prompted(
            PREAMBLE, [(number * 7 + place * 5) % 64 for place in range(length)], [False] * 3 + [True] * (length - 3)
        )
        for number, length in enumerate((24, 20, 9, 40))
    ]
    with torch.compiler.set_stance("force_eager"):
        pairs = learner.refer(batch(conversations, 96))
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
        loss, ordered = learner(pairs)
    now = [likelihood(model, each) for each in conversations]
    with model.disable_adapter():
        before = [likelihood(model, each) for each in conversations]
    gained = [float(a.sum() - b.sum()) for a, b in zip(now, before, strict=True)]
    margins = prefer.BETA * torch.tensor([gained[0] - gained[1], gained[2] - gained[3]])
    expected = -torch.cat([now[0], now[2]]).mean() - logsigmoid(margins).mean()
    targets = sum(map(len, now))
    assert loss.item() == pytest.approx(expected.item() * targets, rel=1e-4)
    assert ordered.item() == pytest.approx((margins > 0).float().mean().item() * targets)
    loss.backward()
    assert all(parameter.grad is not None for parameter in learner.trained.values())


def likelihood(model: torch.nn.Module, each: Prompted) -> torch.Tensor:
    """Return the log probability of each token that is to be written."""
    ids = torch.tensor([[*each.preamble, *each.ids]])
    logs = model(ids).logits[0].log_softmax(-1).detach()
    start = len(each.preamble)
    return torch.stack(
        [logs[start + place - 1, each.ids[place]] for place in range(1, len(each.ids)) if each.written[place]]
    )


def test_pairs_of_about_the_same_length_stand_in_a_batch() -> None:
    pair = [Prompted(PREAMBLE, [1] * length, [True] * length) for length in (50, 90)]
    long = [Prompted(PREAMBLE, [1] * length, [True] * length) for length in (50, max(SHAPES) + 1)]
    count = SHAPES[96] // 2
    made = list(prefer.in_batches([long, *[pair] * (count + 1)]))
    assert [tuple(each.ids.shape) for each in made] == [(2 * count, 96)]
