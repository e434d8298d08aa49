"""The model that `moss-agent train` tunes: found, loaded with its run, kept in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from moss_agent.checkpoints.plan import dtype_name
from moss_agent.resources import user_path
from moss_agent.settings import Settings
from moss_agent.training.packing import Pack, Tokens, packs

if TYPE_CHECKING:
    import argparse

    import torch
    from accelerate import Accelerator
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from moss_agent.checkpoints.families import Family
    from moss_agent.checkpoints.needs import Needs
    from moss_agent.training.learner import Learner
    from moss_agent.training.plan import Shape
    from moss_agent.training.run import Run

RATES = {True: 2e-5, False: 3e-4}  # the learning rate by default, of all weights and of an adapter
WARMUP, DECAY = 20, 0.3  # steps in which the rate rises, and the share of the run in which it falls


@dataclass(frozen=True)
class Source:
    """The model that is tuned, before it is loaded. name: of its folder."""

    name: str
    family: Family
    needs: Needs
    tokenizer: PreTrainedTokenizerBase

    @property
    def window(self) -> int | None:
        """How many tokens the model takes; None if that is not limited."""
        window: int | None = getattr(self.needs.model.config.get_text_config(), "max_position_embeddings", None)
        return window

    def decode(self, ids: Sequence[int]) -> str:
        text = self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)  # a list for a batch only
        return text


def find(parsed: argparse.Namespace) -> Source:
    """Return the model of `--base`, fetched if it is not here."""
    from transformers import AutoTokenizer

    from moss_agent.checkpoints.hub import fetch
    from moss_agent.opening.dialect import choose_family
    from moss_agent.opening.local import inspect_model

    settings = Settings(model=parsed.base, family=parsed.family or "", device=parsed.device, dtype=parsed.dtype)
    family = choose_family(settings, None)
    name, needs, _ = inspect_model(settings, family)
    folder = str(fetch(name))
    return Source(folder, family, needs, AutoTokenizer.from_pretrained(folder, trust_remote_code=False))


def prepare(
    parsed: argparse.Namespace,
    source: Source,
    learned: Sequence[Tokens],
    kept: Sequence[Tokens],
    shape: Shape,
    device: torch.device,
    accelerator: Accelerator,
) -> Run:
    """Load the model and return its run, which goes on where the folder's was."""
    from moss_agent.training.run import Run, falling_rate, steps

    learner = _learner(parsed, source, shape, device)
    row = shape.row if learner.packs else 1

    def rows() -> Iterator[Pack]:
        for epoch in range(parsed.epochs):
            order = list(learned)
            Random(f"{parsed.seed} {epoch}").shuffle(order)
            yield from packs(order, row, epoch)

    return Run(
        user_path(parsed.out),
        learner,
        steps(rows(), parsed.step_tokens),
        parsed.epochs * sum(len(ids) for ids, _ in learned),
        falling_rate(parsed.learning_rate or RATES[parsed.full], WARMUP, DECAY),
        held_out=list(packs(kept, row, 0)),
        accelerator=accelerator,
    )


def _learner(parsed: argparse.Namespace, source: Source, shape: Shape, device: torch.device) -> Learner:
    """Load the model, with an adapter or shared out if that is wanted."""
    from moss_agent.engine.loading import load
    from moss_agent.training.learner import Learner
    from moss_agent.training.sharding import shard
    from moss_agent.training.weights import with_adapter

    place = "cpu" if shape.shard else str(device)
    model, _ = load(source.name, device=place, dtype=_loaded_in(source, shape), quantize=shape.quantize)
    if shape.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    learner = Learner(model if shape.full else with_adapter(model, shape.rank, parsed.base), shape.dtype)
    if shape.shard:
        shard(learner, device, shape.processes)
    return learner


def _loaded_in(source: Source, shape: Shape) -> str:
    """Return the precision that the weights are loaded in; those that are trained and not shared out are fp32."""
    if not shape.full:
        return dtype_name(shape.dtype)
    return dtype_name(source.needs.model.dtype) if shape.shard else "fp32"


def keep(made: Run, source: Source, shape: Shape) -> Path:
    """Write what was trained, an adapter or a whole model, and return its folder. Raises UsageError if it cannot."""
    from peft import PeftModel

    from moss_agent.checkpoints.families import write_family
    from moss_agent.training.weights import save_adapter, save_whole, writing

    folder, model = made.out / ("model" if shape.full else "adapter"), made.learner.model
    weights = made.saved_weights() if shape.shard else None
    with writing(folder):
        if isinstance(model, PeftModel):
            save_adapter(model, folder, weights)
        else:
            save_whole(_whole(model, source, weights), source.tokenizer, folder, source.needs.model.dtype)
        write_family(folder, source.family.name)
    return folder


def _whole(model: nn.Module, source: Source, weights: Mapping[str, torch.Tensor] | None) -> PreTrainedModel:
    """Return the model that was trained. weights: the whole ones, of a model that is shared out."""
    from moss_agent.engine.loading import load
    from moss_agent.training.learner import causal_model
    from moss_agent.training.weights import set_weights

    if weights is None:
        return causal_model(model)
    loaded, _ = load(source.name, device="cpu", dtype=dtype_name(source.needs.model.dtype))
    set_weights(loaded, weights)
    return loaded
