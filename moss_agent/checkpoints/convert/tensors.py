"""Weights by name, read from a folder a file at a time and written to another, never all of them in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import is_zipfile

from moss_agent.checkpoints.weights import weight_files

if TYPE_CHECKING:
    import torch

OPEN_FILES = 2  # a block may stand in two of them
LARGEST_FILE = 4_000_000_000  # bytes of tensors in one file that is written


class Tensors:
    """The weights of a folder, by name. What is given is mapped from the file, not read, until it is used.

    The causal masks that MOSS's authors stored beside their weights are left out.
    """

    def __init__(self, folder: Path) -> None:
        self._open = lru_cache(maxsize=OPEN_FILES)(_read)
        self._files = {name: file for file in weight_files(folder) for name in self._open(file) if _is_weight(name)}

    def __iter__(self) -> Iterator[str]:
        """Return the names, those of one file together."""
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._open(self._files[name])[name]

    def size(self) -> int:
        """Return the bytes of all tensors."""
        return sum(self[name].nbytes for name in self)


class TensorWriter:
    """Writes tensors to safetensors files, a new one before one would exceed LARGEST_FILE, and their index."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, torch.Tensor] = {}
        self._files: list[list[str]] = []
        self._size = 0

    def add(self, name: str, tensor: torch.Tensor) -> None:
        if self._held and sum(held.nbytes for held in self._held.values()) + tensor.nbytes > LARGEST_FILE:
            self._write()
        self._held[name] = tensor.contiguous()
        self._size += tensor.nbytes

    def close(self) -> None:
        """Write what is left, give the files their names and write the index."""
        self._write()
        where: dict[str, str] = {}
        for number, names in enumerate(self._files, start=1):
            file = f"model-{number:05}-of-{len(self._files):05}.safetensors"
            (self._folder / f"{number}.part").rename(self._folder / file)
            where |= dict.fromkeys(names, file)
        index = {"metadata": {"total_size": self._size}, "weight_map": where}
        (self._folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))

    def _write(self) -> None:
        from safetensors.torch import save_file

        self._files.append(list(self._held))
        save_file(self._held, self._folder / f"{len(self._files)}.part", metadata={"format": "pt"})
        self._held = {}


def _read(file: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a file; those of a pickle by torch's restricted reader, which runs nothing."""
    import torch
    from safetensors import safe_open

    if file.suffix != ".safetensors":
        read: dict[str, torch.Tensor] = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
        return read
    with safe_open(file, framework="pt") as tensors:
        return {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118


def _is_weight(name: str) -> bool:
    return not name.endswith("attn.causal_mask")
