"""The same checkpoint as safetensors: quicker to load, and left where it is when layers are offloaded to disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.checkpoints.convert.checking import check_logits, moss_logits, random_prompt
from moss_agent.checkpoints.convert.source import Source
from moss_agent.checkpoints.convert.staging import staged
from moss_agent.checkpoints.convert.tensors import Tensors, TensorWriter
from moss_agent.errors import CheckpointError

if TYPE_CHECKING:
    import torch

Change = Callable[[str, "torch.Tensor"], Iterator[tuple[str, "torch.Tensor"]]]
"""Makes of one weight those that are to be written in its place."""


def to_safetensors(source: Source, target: Path) -> float:
    """Write the checkpoint to `target`, bit for bit. Returns how far apart the logits are: 0."""
    with staged(target, source.tensors.size()) as part:
        write_tensors(source.tensors, part, lambda name, tensor: iter([(name, tensor)]))
        source.config.save_pretrained(part)
        source.tokenizer.save_pretrained(part)
        source.keep_notes(part)
        ids = random_prompt(source.config.vocab_size)
        expected = moss_logits(source.tensors, source.config, ids)
        return check_logits(moss_logits(Tensors(part), source.config, ids), expected, 0.0)


def write_tensors(source: Tensors, folder: Path, change: Change) -> None:
    """Write the changed weights, then read them again. Raises CheckpointError if one is not what was meant."""
    import torch
    from tqdm import tqdm

    writer = TensorWriter(folder)
    for name in tqdm(source, desc="Writing", unit=" weights", disable=None, leave=False):
        for new_name, tensor in change(name, source[name]):
            writer.add(new_name, tensor)
    writer.close()
    written = Tensors(folder)
    for name in tqdm(source, desc="Reading again", unit=" weights", disable=None, leave=False):
        for new_name, tensor in change(name, source[name]):
            if not torch.equal(written[new_name], tensor):
                raise CheckpointError(f"{new_name} reads back differently from what was written: check the disk")
