"""A causal language model that tells how well it predicts what it has to write."""

from __future__ import annotations

import torch
from peft import PeftModel
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from moss_agent.engine.attention import leaves_attention
from moss_agent.training.attention import use_packed_attention
from moss_agent.training.packing import Pack


class Learner(nn.Module):
    """The model with its loss. precision: of the matrix products; weights that are trained stay in fp32.

    Models whose attention is not the usual one cannot take several conversations in a row: `packs` is False then, and
    each has to be a row of its own. There is no dropout: a run goes on to the same weights, and rows learn what their
    conversations learn alone.
    """

    def __init__(self, model: nn.Module, precision: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.model = model
        self.precision = precision
        causal = causal_model(model)
        _remove_dropout(model)
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

    def forward(self, row: Pack) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the sum of the targets' cross entropies, and how many of them are the likeliest token."""
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
        for name, value in list(vars(module).items()):
            if "drop" in name and isinstance(value, float):
                setattr(module, name, 0.0)


def causal_model(model: nn.Module) -> PreTrainedModel:
    """Return the model that an adapter is laid around, or the model itself."""
    causal = model.get_base_model() if isinstance(model, PeftModel) else model
    assert isinstance(causal, PreTrainedModel)
    return causal
