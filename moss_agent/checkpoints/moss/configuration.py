"""The configuration of a MOSS checkpoint: the fields of its `config.json`."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

QKV_GROUPS = 4
"""The rows of `qkv_proj` stand in so many groups of heads: the model was trained on four shards, CodeGen's layout."""


@strict
class MossConfig(PreTrainedConfig):
    """What `fnlp/moss-moon-003-*` store, with the defaults of the original code.

    The published models have `n_embd=6144`, `n_layer=34`, `n_head=24`. `n_ctx` has no effect and is kept because
    checkpoints have it. `auto_map`, which names code of the checkpoint's own, is dropped.
    """

    model_type = "moss"
    keys_to_ignore_at_inference = ["past_key_values"]
    attribute_map = {
        "max_position_embeddings": "n_positions",
        "hidden_size": "n_embd",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }
    # Valid for as many ranks as divide QKV_GROUPS: each gets whole groups of heads, its own q, v and k among them.
    base_model_tp_plan = {
        "h.*.attn.qkv_proj": "colwise",
        "h.*.attn.out_proj": "rowwise",
        "h.*.mlp.fc_in": "colwise",
        "h.*.mlp.fc_out": "rowwise",
    }
    base_model_pp_plan = {
        "wte": (["input_ids"], ["inputs_embeds"]),
        "drop": (["inputs_embeds"], ["hidden_states"]),
        "h": (["hidden_states", "attention_mask"], ["hidden_states"]),
        "ln_f": (["hidden_states"], ["hidden_states"]),
    }

    vocab_size: int = 107008
    n_positions: int = 2048
    n_ctx: int = 2048
    n_embd: int = 4096
    n_layer: int = 28
    n_head: int = 16
    rotary_dim: int = 64
    n_inner: int | None = None
    activation_function: str = "gelu_new"
    resid_pdrop: float | int = 0.0
    embd_pdrop: float | int = 0.0
    attn_pdrop: float | int = 0.0
    layer_norm_epsilon: float = 1e-5
    initializer_range: float = 0.02
    use_cache: bool = True
    bos_token_id: int | None = 106028
    eos_token_id: int | list[int] | None = 106068
    pad_token_id: int | None = None
    tie_word_embeddings: bool = False

    @property
    def qkv_groups(self) -> int:
        """Into how many parts the fused `qkv_proj` can be cut."""
        return QKV_GROUPS

    def __post_init__(self, **kwargs: Any) -> None:
        kwargs.pop("auto_map", None)
        if kwargs.get("wbits", 32) != 32:
            raise ValueError("this variant is packed in a format of its own: use the plain one, with --quantize")
        super().__post_init__(**kwargs)

    def validate_architecture(self) -> None:
        """Raise ValueError for sizes that no MOSS has; called by `@strict`."""
        if self.n_head % QKV_GROUPS or self.n_embd % self.n_head:
            raise ValueError(
                f"n_head ({self.n_head}) must be a multiple of {QKV_GROUPS} and n_embd ({self.n_embd}) of n_head"
            )
        if self.rotary_dim % 2 or not 0 < self.rotary_dim <= self.n_embd // self.n_head:
            raise ValueError(f"rotary_dim ({self.rotary_dim}) must be even and at most a head's size")
