"""What a plugin returned, checked and cut."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeAlias, TypeGuard, TypeVar

from moss_agent.errors import PluginContractError, cut
from moss_agent.events import Hit, Output, Picture
from moss_agent.plugin_host.contract import Plugin

T = TypeVar("T")
Result: TypeAlias = str | tuple[str, ...] | tuple[Hit, ...] | tuple[Picture, ...] | None
"""What a plugin returned, once it is checked and cut."""


def limit_output(plugin: Plugin, output: Output) -> Result:
    """Return the output, checked and cut to the plugin's length. Nothing at all becomes None."""
    length = plugin.max_characters
    if output is None:
        return None
    if isinstance(output, Picture):
        output = (output,)
    if isinstance(output, str):
        return cut(output, length) or None
    if _all_are(output, Hit):
        return tuple(_cut_hit(hit, length) for hit in output) or None
    if _all_are(output, Picture):
        return tuple(_plain_picture(picture) for picture in output)
    if _all_are(output, str):
        return tuple(cut("\n".join(output), length).splitlines()) or None
    raise PluginContractError(plugin.name, f"returned {type(output).__name__}, not str, lines, hits or pictures")


def _all_are(output: object, kind: type[T]) -> TypeGuard[Sequence[T]]:
    return isinstance(output, Sequence) and all(isinstance(item, kind) for item in output)


def _cut_hit(hit: Hit, length: int) -> Hit:
    return Hit(cut(str(hit.text), length), cut(str(hit.title), length), cut(str(hit.url), length))


def _plain_picture(picture: Picture) -> Picture:
    """Return the picture with nothing in it that JSON has not."""
    details = json.loads(json.dumps(dict(picture.details), default=str), parse_constant=str)
    return Picture(str(picture.path), str(picture.description), details, tuple(map(str, picture.notices)))
