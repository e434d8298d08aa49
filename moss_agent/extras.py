"""What the optional parts of this package need, and whether it is installed."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, requires

from moss_agent.errors import MissingDependency

# Their packages are in pyproject.toml.
EXTRAS = ("ctranslate2", "documents", "images", "local", "mini", "quantize", "search", "terminal", "train")
_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^\]]*\])?.*?extra == ['\"](?P<extra>[^'\"]+)['\"]"
)


@cache
def missing(extra: str) -> tuple[str, ...]:
    """Return the packages of an extra that are not installed, as the metadata of this package lists them."""
    try:
        listed = requires("moss-agent") or []
    except PackageNotFoundError:  # run from a checkout that was never installed: imports will tell
        return ()
    wanted = [found for found in map(_REQUIREMENT.match, listed) if found and found["extra"] == extra]
    return tuple(found["name"] for found in wanted if not _is_installed(found["name"]))


def need(extra: str) -> None:
    """Raise MissingDependency, which names the command to type, if a package of the extra is missing."""
    if lacking := missing(extra):
        raise MissingDependency(lacking[0], extra)


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
