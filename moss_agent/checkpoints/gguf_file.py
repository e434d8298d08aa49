"""Read GGUF files: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.

`gguf.GGUFReader` makes numpy arrays of every single token and merge, which takes seconds for a vocabulary of 50,000.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFValueType
from numpy.typing import NDArray

# What `struct` calls the type of that number.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


@dataclass(frozen=True)
class GgufTensor:
    """A tensor as it is stored: rows of packed bytes."""

    name: str
    kind: GGMLQuantizationType
    packed: NDArray[np.uint8]

    def unpacked(self) -> NDArray[np.float32]:
        return gguf.dequantize(self.packed, self.kind)


def read_gguf(path: Path) -> tuple[dict[str, Any], Iterator[GgufTensor]]:
    """Return the metadata and, one by one, the tensors. The file must be intact."""
    with open(path, "rb") as file:
        file.seek(8)  # "GGUF" and the version
        tensor_count, metadata_count = _scalar(file, "Q"), _scalar(file, "Q")
        metadata = {_text(file): _value(file, _scalar(file, "I")) for _ in range(metadata_count)}
        entries = [_tensor_entry(file) for _ in range(tensor_count)]
        end = file.tell()
    padding = -end % metadata.get("general.alignment", gguf.GGUF_DEFAULT_ALIGNMENT)
    data = np.memmap(path, np.uint8, "r", offset=end + padding)
    return metadata, (_tensor(data[start:], name, shape, kind) for name, shape, kind, start in entries)


def _scalar(file: BinaryIO, code: str) -> Any:
    (value,) = struct.unpack(f"<{code}", file.read(struct.calcsize(f"<{code}")))
    return value


def _text(file: BinaryIO) -> str:
    return file.read(_scalar(file, "Q")).decode()


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == GGUFValueType.STRING:
        return _text(file)
    if kind == GGUFValueType.ARRAY:
        element, length = _scalar(file, "I"), _scalar(file, "Q")
        return [_value(file, element) for _ in range(length)]
    return _scalar(file, SCALARS[kind])


def _tensor_entry(file: BinaryIO) -> tuple[str, list[int], GGMLQuantizationType, int]:
    """Read name, shape, type and offset of a tensor."""
    name = _text(file)
    innermost_first = [_scalar(file, "Q") for _ in range(_scalar(file, "I"))]
    return name, innermost_first[::-1], GGMLQuantizationType(_scalar(file, "I")), _scalar(file, "Q")


def _tensor(data: NDArray[np.uint8], name: str, shape: list[int], kind: GGMLQuantizationType) -> GgufTensor:
    packed = gguf.quant_shape_to_byte_shape(shape, kind)
    return GgufTensor(name, kind, np.array(data[: np.prod(packed)]).reshape(packed))
