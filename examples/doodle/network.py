"""The denoiser: a diffusion transformer and the text encoder that is trained with it.

The transformer knows places only by how its queries are rotated, which tells against tokens that are always the same:
hence the twelve `ANCHORS` behind every description. The order of words is for the text encoder to tell, hence
`look_around`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import PRXTransformer2DModel
from transformers import AutoTokenizer, T5Config, T5EncoderModel

from .components import CHANNELS

WIDTH = 256  # of a token's embedding
HEADS = 4  # of the text encoder, one for each of the positions to look at
BUCKETS = 32  # of distances between words, the first half for words before
LOOK = 4.0  # added to the attention that a head pays to its positions when it begins


class Denoiser(torch.nn.Module):
    """Both trained parts as one module."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.text_encoder = T5EncoderModel(
            T5Config(
                vocab_size=words,
                d_model=WIDTH,
                d_kv=64,
                num_heads=HEADS,
                relative_attention_num_buckets=BUCKETS,
                d_ff=512,
                num_layers=2,
                feed_forward_proj="gated-gelu",
                dropout_rate=0.0,
                pad_token_id=0,
                eos_token_id=2,
            )
        )
        look_around(self.text_encoder)
        self.transformer = PRXTransformer2DModel(
            in_channels=CHANNELS,
            patch_size=2,
            context_in_dim=WIDTH,
            hidden_size=320,
            num_heads=10,
            axes_dim=[16, 16],
            mlp_ratio=4.0,
            depth=5,
        )

    def forward(self, noisy: torch.Tensor, share: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Noise minus picture, batch x CHANNELS x 8 x 8, where `share` (batch) of `noisy` is noise."""
        mask = tokens != 0
        words = self.text_encoder(tokens, attention_mask=mask.long()).last_hidden_state
        return self.transformer(
            hidden_states=noisy, timestep=share, encoder_hidden_states=words, attention_mask=mask
        ).sample

    def load_pipeline(self, folder: Path, words: list[str]) -> None:
        """Take the weights of a pipeline; of its words those that are learned here, in the order of their numbers."""
        text_encoder = T5EncoderModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
        known = AutoTokenizer.from_pretrained(folder / "tokenizer").get_vocab()
        theirs = text_encoder.get_input_embeddings().weight.data
        own = self.text_encoder.get_input_embeddings().weight.data
        rows = [theirs[known[word]] if word in known else own[number] for number, word in enumerate(words)]
        state = {**text_encoder.state_dict(), "shared.weight": torch.stack(rows)}
        state["encoder.embed_tokens.weight"] = state["shared.weight"]  # they are one
        self.text_encoder.load_state_dict(state)
        transformer = PRXTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32)
        self.transformer.load_state_dict(transformer.state_dict())


def look_around(text_encoder: T5EncoderModel) -> None:
    """Have its heads begin by looking at the word before, the one after, all before, and all after.

    With heads that begin without a direction the first of two things was never told from the second.
    """
    bias = text_encoder.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight.data
    after = BUCKETS // 2  # and 0 is the word itself, before as after
    looks = (slice(1, 2), slice(after + 1, after + 2), slice(1, after), slice(after + 1, BUCKETS))
    for head, positions in enumerate(looks):
        bias[positions, head] += LOOK


def codes(plain: torch.Tensor) -> torch.Tensor:
    """First embeddings of the names, rows x WIDTH: principal components of the drawings' latents, of variance 1.

    Names that begin as noise are long learned to be ignored; these say from the start what is to be drawn.
    """
    rows = plain.flatten(1) - plain.flatten(1).mean(0)
    left, strengths, _ = torch.linalg.svd(rows, full_matrices=False)
    found = left[:, :WIDTH] * strengths[:WIDTH] ** 0.5
    return torch.nn.functional.pad(found / found.std(), (0, WIDTH - found.shape[1]))
