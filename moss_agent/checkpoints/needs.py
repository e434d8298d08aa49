"""What memory a checkpoint needs, computed from its config alone: no weight is fetched or read.

The model is built on torch's meta device, where tensors have a shape and no memory; what follows counts its parameters.
Not covered: checkpoints that are stored quantised, whose weights are counted as if they were not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.errors import CheckpointError, said_by

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel

QUANTIZED = {"int8": 1.0, "int4": 0.5 + 4 / 64}
"""Bytes per weight of a linear layer; at 4 bits each 64 weights share a float32 scale."""
CACHED = {"full_attention", "sliding_attention", "chunked_attention"}
"""By transformers' names: layers that keep keys and values of each token, which a cache can be cut back to."""
MOST_LAYERS = 1000  # a hostile config must not keep us building layers


@dataclass(frozen=True)
class Needs:
    """A model without memory, and the sizes that follow from it.

    model: on the meta device. cache_width: numbers that the KV cache holds per token.
    heads: into so many parts the model can be split at most, or into any divisor of it.
    """

    model: PreTrainedModel
    cache_width: int
    heads: int

    @property
    def parameters(self) -> int:
        """How many numbers the model consists of."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def uncached_layers(self) -> set[str]:
        """The kinds of layers that keep something else, such as a recurrent state."""
        return set(getattr(self.model.config.get_text_config(), "layer_types", None) or ()) - CACHED

    def weights(self, dtype: torch.dtype, quantize: str = "") -> dict[str, int]:
        """Return the bytes of every parameter by its name, with the linear layers quantised if wanted."""
        small = QUANTIZED.get(quantize, dtype.itemsize)
        linear = self.linear_weights()
        return {
            name: int(parameter.numel() * (small if name in linear else dtype.itemsize))
            for name, parameter in self.model.named_parameters()
        }

    def cache(self, tokens: int, dtype: torch.dtype) -> int:
        """Return the bytes of the KV cache at that many tokens."""
        return tokens * self.cache_width * dtype.itemsize

    def linear_weights(self) -> set[str]:
        """Return the names of the weights that can be quantised or split: matrices other than embedding and head."""
        from torch import nn
        from transformers.pytorch_utils import Conv1D

        head = self.model.get_output_embeddings()
        modules = [each for each in self.model.named_modules() if isinstance(each[1], (nn.Linear, Conv1D))]
        return {f"{name}.weight" for name, module in modules if module is not head}


def needs_of(config: PretrainedConfig) -> Needs:
    """Return what the model of `config` needs. Raises CheckpointError if it is no causal language model."""
    import torch
    from transformers import AutoModelForCausalLM

    text = config.get_text_config()
    try:
        layers, heads = text.num_hidden_layers, getattr(text, "num_attention_heads", 0)
        if layers > MOST_LAYERS:
            raise ValueError(f"{layers} layers")
        if not heads:
            raise ValueError("it has no attention heads: use a recurrent model through a server")
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        model.tie_weights()
    except Exception as error:  # whatever a config can be made to cause
        file = Path(config.name_or_path or "") / "config.json"
        raise CheckpointError(f"{file} describes no language model that can be built: {said_by(error)}") from error
    key_heads = getattr(text, "num_key_value_heads", None) or heads
    head_dim = getattr(text, "head_dim", None) or text.hidden_size // heads
    return Needs(model, 2 * layers * key_heads * head_dim, getattr(text, "qkv_groups", key_heads))
