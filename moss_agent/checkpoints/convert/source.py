"""What is converted: a MOSS checkpoint, looked at as a whole before anything is written."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.checkpoints import hub, moss
from moss_agent.checkpoints.convert.tensors import Tensors
from moss_agent.checkpoints.families import write_family, written_family
from moss_agent.checkpoints.weights import check_weights
from moss_agent.errors import CheckpointError, said_by

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from moss_agent.checkpoints.moss.configuration import MossConfig


@dataclass(frozen=True)
class Source:
    folder: Path
    config: MossConfig
    tokenizer: PreTrainedTokenizerBase
    tensors: Tensors

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights."""
        return self.tensors["lm_head.weight"].dtype

    def keep_notes(self, folder: Path) -> None:
        """Write into a folder what else is noted beside the weights: the model's family and its generation settings."""
        if family := written_family(self.folder):
            write_family(folder, family)
        if (settings := self.folder / "generation_config.json").is_file():
            shutil.copyfile(settings, folder / settings.name)


def open_source(name: str) -> Source:
    """Return the checkpoint in a folder, or of that name on the model hub, which is fetched if need be.

    Raises CheckpointError, naming the file, if it is another model's, incomplete, damaged or malicious.
    """
    import torch

    moss.register()
    folder = hub.fetch(name)
    config = hub.read_config(folder)
    from moss_agent.checkpoints.moss.configuration import MossConfig
    from moss_agent.checkpoints.moss.modeling import MossForCausalLM

    if not isinstance(config, MossConfig):
        raise CheckpointError(f"{folder / 'config.json'} is of model_type {config.model_type}: only moss is converted")

    with torch.device("meta"):
        model = MossForCausalLM(config)
    check_weights(folder, model)
    tensors = Tensors(folder)
    if missing := model.state_dict().keys() - set(tensors):
        raise CheckpointError(
            f"{folder} lacks {len(missing)} weights, {min(missing)} among them: fetch the model again"
        )
    if surplus := set(tensors) - model.state_dict().keys():
        raise CheckpointError(f"{folder} has weights that no MOSS of its config.json has, such as {min(surplus)}")
    return Source(folder, config, read_tokenizer(folder), tensors)


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a folder, which names no code of its own. Raises CheckpointError."""
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # whatever can be wrong with such files
        raise CheckpointError(f"the tokenizer in {folder} cannot be used: {said_by(error)}") from error
    tokenizer.init_kwargs.pop("auto_map", None)
    return tokenizer
