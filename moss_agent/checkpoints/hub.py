"""From a model's name to a folder: a local one, or the files of a model hub in the cache that all its tools share.

`HF_ENDPOINT` names a mirror, `HF_HOME` moves the cache, `HF_HUB_OFFLINE=1` forbids the network, `HF_TOKEN` opens
private models. What is here is used without a network. Only configuration, tokenizer and weights are fetched: no code.

huggingface_hub begins a file anew when its process was interrupted, and weights come in files of 10 GB. These are
fetched by `download.fetch`, which goes on where it stopped, to the place in the cache where huggingface_hub looks.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.checkpoints import download
from moss_agent.checkpoints.files import disk_errors
from moss_agent.checkpoints.lora_folder import CONFIG as ADAPTER_CONFIG
from moss_agent.errors import CheckpointError, UsageError, said_by
from moss_agent.resources import user_path

if TYPE_CHECKING:
    from transformers import PretrainedConfig

SMALL_FILES = ["*.json", "*.txt", "*.model", "*.jinja"]


def local_folder(name: str) -> Path | None:
    """Return `name` as a folder; None if it is no path of one."""
    path = user_path(name)
    return path if path.is_dir() else None


def fetch_config(name: str, refresh: bool = False) -> Path:
    """Return a folder with at least the configuration and the tokenizer of the model.

    refresh: ask the hub for a newer version although there is one here. Raises CheckpointError or UsageError.
    """
    folder = local_folder(name)
    if not folder:
        with _hub_errors(name):
            folder = _snapshot(name, SMALL_FILES, refresh)
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder / 'config.json'} is missing: {folder} is no checkpoint")
    return folder


def read_config(folder: Path) -> PretrainedConfig:
    """Return the folder's config.json. Raises CheckpointError if it describes no model that is known.

    A folder with an adapter beside its model is refused: transformers would apply it, and hide what the model lacks.
    """
    from transformers import AutoConfig

    if (folder / ADAPTER_CONFIG).is_file():
        raise CheckpointError(
            f"{folder} has both a model and {ADAPTER_CONFIG}: move the adapter to a folder of its own, "
            "then moss-agent models merge"
        )
    file = folder / "config.json"
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        return config
    except Exception as error:  # whatever can be written in such a file
        raise CheckpointError(f"{file} cannot be used: {said_by(error)}") from error


def fetch(name: str, refresh: bool = False) -> Path:
    """Return a folder with everything that is needed to load the model. Raises CheckpointError or UsageError."""
    from huggingface_hub import constants, get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    snapshot = fetch_config(name, refresh)
    if snapshot == local_folder(name):
        return snapshot
    try:
        files = [file.path for file in get_cached_repo_tree(name) if "/" not in file.path]
    except CachedRepoTreeNotFoundError:  # another program fetched it, and there is no network now
        return snapshot
    weights = fnmatch.filter(files, "model*.safetensors") or fnmatch.filter(files, "pytorch_model*.bin")
    missing = [file for file in weights if not (snapshot / file).exists()]
    if missing and not constants.HF_HUB_OFFLINE:
        _fetch_large(name, missing, snapshot)
    with _hub_errors(name):
        return _snapshot(name, SMALL_FILES + weights, refresh)


def _fetch_large(name: str, missing: list[str], snapshot: Path) -> None:
    """Download the missing files that the hub keeps by SHA-256 into the cache."""
    from huggingface_hub import RepoFile, hf_hub_url, list_repo_tree
    from huggingface_hub.utils import build_hf_headers

    with _hub_errors(name):
        entries = list(list_repo_tree(name, revision=snapshot.name))
    large = {entry.path: entry.lfs for entry in entries if isinstance(entry, RepoFile) and entry.lfs}
    for path in filter(large.__contains__, missing):
        download.fetch(
            hf_hub_url(name, path, revision=snapshot.name),
            snapshot.parents[1] / "blobs" / large[path].sha256,
            sha256=large[path].sha256,
            size=large[path].size,
            label=f"{name}/{path}",
            progress=True,
            cache_variable="HF_HOME",
            headers=build_hf_headers(),
        )


def _snapshot(name: str, patterns: list[str], refresh: bool) -> Path:
    """Return the folder of these files of the hub; ask the hub only if one may not be in the cache."""
    from huggingface_hub import get_cached_repo_tree, snapshot_download
    from huggingface_hub.errors import CachedRepoTreeNotFoundError, LocalEntryNotFoundError

    wanted = partial(snapshot_download, name, allow_patterns=patterns, ignore_patterns=ADAPTER_CONFIG)
    if not refresh:
        with suppress(CachedRepoTreeNotFoundError, LocalEntryNotFoundError):
            get_cached_repo_tree(name)  # which tells what is missing; not every program writes it
            return Path(wanted(local_files_only=True))
    return Path(wanted())


def verify(name: str) -> int:
    """Compare every fetched file with the hub's checksums and return how many there are.

    A damaged file is removed, so that fetching again brings it anew. Raises CheckpointError naming it.
    """
    from huggingface_hub import verify_repo_checksums

    with _hub_errors(name):
        found = verify_repo_checksums(name)
    for mismatch in found.mismatches:
        file = found.verified_path / mismatch["path"]
        file.resolve().unlink(missing_ok=True)  # two files with the same content are one there
        file.unlink(missing_ok=True)
    if found.mismatches:
        files = ", ".join(mismatch["path"] for mismatch in found.mismatches)
        raise CheckpointError(f"{name}: damaged and removed: {files}: run the same command again to fetch it anew")
    return found.checked_count


@contextmanager
def _hub_errors(name: str) -> Iterator[None]:
    """Turn the errors of hub and disk into a CheckpointError of one line."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        IncompleteSnapshotError,
        RepositoryNotFoundError,
    )

    try:
        with disk_errors(name, Path(constants.HF_HUB_CACHE), "HF_HOME"):
            yield
    except CheckpointError:
        raise
    except HFValidationError:
        raise UsageError(f"{name} is no folder here and cannot be a name on the model hub") from None
    except GatedRepoError as error:
        raise CheckpointError(f"{name}: the hub wants you to accept its licence and to set HF_TOKEN") from error
    except RepositoryNotFoundError as error:
        raise CheckpointError(f"{name} is no folder here and no model that {constants.ENDPOINT} shows you") from error
    except IncompleteSnapshotError as error:
        raise CheckpointError(f"{name}: fetched in part: run moss-agent models pull {name} with a network") from error
    except Exception as error:  # from the network and the server, without a common base
        raise CheckpointError(
            f"{name} is no folder here, and it cannot be fetched from {constants.ENDPOINT} ({said_by(error)}): "
            "check the network, name a mirror in HF_ENDPOINT or the path of a copy"
        ) from error
