"""A checkpoint's weight files, looked at before anything is loaded: are they there, whole, harmless and of its shapes?

Only names and shapes are read. A .bin file is a pickle, which may hold any code; torch's restricted unpickler reads it
here as later on, and refuses code without running it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from moss_agent.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""In the order in which transformers looks for them, alone or as `<name>.index.json` with shards."""
SAMPLES, SAMPLE = 64, 4096  # places in a file that its digest is made of, and the bytes read at each


def check_weights(folder: Path, model: PreTrainedModel) -> None:
    """Compare the files with `model`, which may be on the meta device. Raises CheckpointError naming the bad file.

    What was stored quantised has shapes of its own; only its files are looked at.
    """
    packed = getattr(model.config, "quantization_config", None) is not None
    expected = {} if packed else {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for file in weight_files(folder):
        for name, shape in _shapes(file).items():
            if expected.get(name, shape) != shape:
                raise CheckpointError(
                    f"{file} is not of this model: {name} is {list(shape)}, config.json says {list(expected[name])}"
                )


def weight_files(folder: Path) -> list[Path]:
    """Return the files that hold the weights. Raises CheckpointError if there are none, or one is missing."""
    for name in WEIGHTS:
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            return [folder / name]
        if index.is_file():
            files = [folder / shard for shard in _shards(index)]
            for file in files:
                if not file.is_file():
                    raise CheckpointError(f"{file} is missing: fetch the model again")
            return files
    raise CheckpointError(f"{folder} has no weights: neither {' nor '.join(WEIGHTS)}, whole or in shards")


def digest(folder: Path) -> str:
    """Return what tells the weights from others of the same model: each file's size, and bytes from all over it.

    Raises CheckpointError as `weight_files`.
    """
    sha = hashlib.sha256()
    for file in weight_files(folder):
        size = file.stat().st_size
        sha.update(f"{file.name} {size} ".encode())
        with file.open("rb") as stream:
            for place in range(SAMPLES):
                stream.seek(size * place // SAMPLES)
                sha.update(stream.read(SAMPLE))
    return sha.hexdigest()[:16]


def _shards(index: Path) -> list[str]:
    """Return the file names that an index lists; each stands beside the index."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        if not names or any(Path(name).name != name for name in names):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f"{index} is no list of weight files: fetch the model again") from None
    return names


def _shapes(file: Path) -> Mapping[str, tuple[int, ...]]:
    """Return names and shapes of the tensors in a file."""
    try:
        return safetensors_shapes(file) if file.suffix == ".safetensors" else _pickle_shapes(file)
    except UnpicklingError as error:
        raise CheckpointError(
            f"{file} holds something else than weights, perhaps code; nothing of it was run: get the model elsewhere"
        ) from error
    except Exception as error:  # truncated archives raise whatever their readers stumble over
        raise CheckpointError(f"{file} is damaged or incomplete: fetch the model again") from error


def safetensors_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the tensors in a file. Raises what the library raises of a damaged one."""
    from safetensors import safe_open

    with safe_open(file, framework="pt") as tensors:
        return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118


def _pickle_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    from zipfile import is_zipfile

    import torch

    tensors = torch.load(file, map_location="meta", weights_only=True, mmap=is_zipfile(file))
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
