"""A causal language model that tells how well it predicts what it has to write."""

from __future__ import annotations

import torch
from peft import PeftModel
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PretrainedConfig, PreTrainedModel

from moss_agent.engine.attention import leaves_attention
from moss_agent.training.attention import use_packed_attention
from moss_agent.training.packing import Pack


class Learner(nn.Module):
    """The model with its loss. precision: of the matrix products; weights that are trained stay in fp32.

    Models whose attention is not the usual one cannot take several conversations in a row: `packs` is False then, and
    each has to be a row of its own. There is no dropout: a run goes on to the same weights, and rows learn what their
    conversations learn alone. While it is in training mode, the model's config has none either; `eval` gives it back.
    """

    def __init__(self, model: nn.Module, precision: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.model = model
        self.precision = precision
        causal = causal_model(model)
        self.dropout = _config_dropout(model)
        _remove_dropout(model)
        self.train(model.training)
        self.packs = leaves_attention(causal)
        if self.packs:
            use_packed_attention(causal)

    @property
    def device(self) -> torch.device:
        return causal_model(self.model).device

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that are trained, by name."""
        return {name: each for name, each in self.model.named_parameters() if each.requires_grad}

    def train(self, mode: bool = True) -> Learner:
        """Let the config, which some layers read as they compute, have no dropout in training, and its own else."""
        for config, name, share in self.dropout:
            setattr(config, name, 0.0 if mode else share)
        return super().train(mode)

    def forward(self, row: Pack) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the sum of the targets' cross entropies, and how many of them are the likeliest token.

        Raises ValueError if several conversations stand in a row and the model does not pack.
        """
        if row.has_several and not self.packs:
            raise ValueError("this model takes one conversation a row: make rows with packs(conversations, 1, seed)")
        ids, positions, sources, targets = (
            torch.tensor(each, device=self.device) for each in (row.ids, row.positions, row.sources, row.targets)
        )
        options = {"segments": row.segments} if self.packs else {}
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            logits = self.model(
                input_ids=ids[None], position_ids=positions[None], use_cache=False, logits_to_keep=sources, **options
            ).logits[0]
        logits = logits.float()
        return cross_entropy(logits, targets, reduction="sum"), (logits.argmax(-1) == targets).sum()


def _remove_dropout(model: nn.Module) -> None:
    """Drop nothing any more, neither in layers for that nor by the shares that other layers keep."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name in _shares(module):
            setattr(module, name, 0.0)


def _config_dropout(model: nn.Module) -> list[tuple[PretrainedConfig, str, float]]:
    """Return the shares that the model's configs have of what is dropped, or changed at random, in training."""
    configs = {id(config): config for module in model.modules() if (config := getattr(module, "config", None))}
    return [
        (config, name, share)
        for config in configs.values()
        if isinstance(config, PretrainedConfig)
        for name, share in _shares(config).items()
    ]


def _shares(owner: object) -> dict[str, float]:
    found = vars(owner).items()
    return {name: value for name, value in found if isinstance(value, float) and ("drop" in name or "jitter" in name)}


def causal_model(model: nn.Module) -> PreTrainedModel:
    """Return the model that an adapter is laid around, or the model itself."""
    causal = model.get_base_model() if isinstance(model, PeftModel) else model
    assert isinstance(causal, PreTrainedModel)
    return causal
