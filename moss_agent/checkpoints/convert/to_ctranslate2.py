"""MOSS for CTranslate2, an engine for CPUs and GPUs that computes with int8 weights.

Its own converter does the work, on the checkpoint under the name that it knows, CodeGen. It reads the whole model into
memory, in the precision of the source.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from moss_agent.checkpoints.convert.checking import check_logits, moss_logits, random_prompt
from moss_agent.checkpoints.convert.source import Source
from moss_agent.checkpoints.convert.staging import staged
from moss_agent.checkpoints.convert.to_gptj import save_plain_tokenizer
from moss_agent.checkpoints.machine import check_memory
from moss_agent.checkpoints.weights import weight_files
from moss_agent.errors import CheckpointError, MissingDependency, one_line

if TYPE_CHECKING:
    import torch

MEMORY = 2.2  # of the size of the model: it, and the copy that is written
TOLERANCES = {"": 1e-2, "int8": 0.3}  # a wrong order of rows makes it about 1


def to_ctranslate2(source: Source, target: Path, quantize: str = "") -> float:
    """Write the model for CTranslate2 to `target`. quantize: `int8`, or empty for the precision of the source.

    Returns how far apart the logits are, as a part of them.
    """
    import torch

    try:
        from ctranslate2.converters import TransformersConverter
    except ImportError:
        raise MissingDependency("ctranslate2", "ctranslate2") from None
    half = source.dtype != torch.float32
    precision = quantize or ("float16" if half else "float32")
    check_memory(int(source.tensors.size() * MEMORY), "this conversion")
    with staged(target, source.tensors.size()) as part, TemporaryDirectory() as codegen:
        _write_codegen(source, Path(codegen))
        try:
            converter = TransformersConverter(codegen, load_as_float16=half, low_cpu_mem_usage=True)
            converter.convert(str(part), quantization=precision, force=True)
        except Exception as error:  # of transformers, torch or CTranslate2, which share no base class
            reason = one_line(f"{type(error).__name__}: {error}")
            raise CheckpointError(f"CTranslate2 cannot convert {source.folder} ({reason})") from error
        save_plain_tokenizer(source.tokenizer, part)
        source.keep_notes(part)
        ids = random_prompt(source.config.vocab_size)
        expected = moss_logits(source.tensors, source.config, ids)
        return check_logits(_logits(part, ids), expected, TOLERANCES[quantize])


def _write_codegen(source: Source, folder: Path) -> None:
    """Write the checkpoint as CodeGen, its weights as links."""
    config = source.config.to_dict() | {"model_type": "codegen", "architectures": ["CodeGenForCausalLM"]}
    # A head_dim of 128 or 256 would tell the converter of another order of q, v and k, and nothing would say so.
    config.pop("head_dim", None)
    (folder / "config.json").write_text(json.dumps(config))
    files = weight_files(source.folder)
    for file in [*files, *source.folder.glob("*.index.json")]:
        (folder / file.name).symlink_to(file.resolve())
    save_plain_tokenizer(source.tokenizer, folder)


def _logits(folder: Path, ids: torch.Tensor) -> torch.Tensor:
    """Return the logits (prompt, vocabulary) as CTranslate2 computes them."""
    import ctranslate2
    import numpy
    import torch

    generator = ctranslate2.Generator(str(folder), device="cpu")
    return torch.from_numpy(numpy.array(generator.forward_batch([ids.tolist()]))[0]).float()
