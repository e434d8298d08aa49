"""Where files are: those that ship with the package, and those that it keeps for the user."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).parent


def bundled(name: str) -> Path:
    """The folder `plugins` or `prompts`: inside an installed package, beside it in a checkout."""
    installed = _PACKAGE / "_bundled" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def cache_dir() -> Path:
    """The folder of everything fetched and prepared, `MOSS_AGENT_CACHE` or the user's cache; it need not exist yet."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get("MOSS_AGENT_CACHE") or user_cache_dir("moss_agent")).expanduser().absolute()
