"""Where the files that ship with the package are: bundled plugins and prompts."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def bundled(name: str) -> Path:
    """The folder `plugins` or `prompts`: inside an installed package, beside it in a checkout."""
    installed = _PACKAGE / "_bundled" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
