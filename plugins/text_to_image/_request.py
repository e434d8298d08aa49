"""What is asked for, checked before anything is loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from secrets import randbelow

from moss_agent.errors import PluginError, UsageError

TABLE = "[plugins.text_to_image]"
JOINERS = "\u200c\u200d"  # invisible, but scripts and emoji need them
SIZE = re.compile(r"[1-9]\d{0,4}x[1-9]\d{0,4}", re.ASCII)
SEEDS = 2**32
MOST = 16  # pictures of one description
MOST_STEPS = 1000  # what schedulers were trained with
LARGEST = 4096  # pixels of a side


@dataclass(frozen=True)
class Request:
    """One description and the settings for it.

    Raises UsageError for a setting that cannot be, PluginError for an empty description.
    """

    description: str
    pipeline: str
    revision: str
    steps: int | None
    guidance: float | None
    size: str
    negative: str
    count: int
    device: str
    dtype: str

    def __post_init__(self) -> None:
        if not self.text:
            raise PluginError("the description of the picture is empty")
        if not self.pipeline:
            raise UsageError(f'pipeline under {TABLE} is empty: name a pipeline, or "doodle" for the bundled one')
        if self.steps is not None and not 1 <= self.steps <= MOST_STEPS:
            raise UsageError(f"steps = {self.steps} under {TABLE} must be from 1 to {MOST_STEPS}")
        if self.guidance is not None and not 0 <= self.guidance < 1000:
            raise UsageError(f"guidance = {self.guidance} under {TABLE} must be 0 or more, and below 1000")
        if not 1 <= self.count <= MOST:
            raise UsageError(f"count = {self.count} under {TABLE} must be from 1 to {MOST}")
        if self.size and not SIZE.fullmatch(self.size):
            raise UsageError(f'size = "{self.size}" under {TABLE} must look like "512x512": width x height in pixels')
        if self.size and max(map(int, self.size.split("x"))) > LARGEST:
            raise UsageError(f'size = "{self.size}" under {TABLE} must be {LARGEST}x{LARGEST} at most')

    @property
    def text(self) -> str:
        """The description in one line of visible characters."""
        visible = "".join(c if c.isprintable() or c in JOINERS else " " for c in self.description)
        return " ".join(visible.split())

    @property
    def given(self) -> dict[str, object]:
        """The settings for the pipeline's call that are set."""
        width, height = map(int, self.size.split("x")) if self.size else (None, None)
        settings: dict[str, object] = {"steps": self.steps, "guidance": self.guidance, "width": width, "height": height}
        settings["negative"] = self.negative or None
        return {name: value for name, value in settings.items() if value is not None}


def seed_or_new(seed: int | None) -> int:
    if seed is not None and not 0 <= seed < SEEDS:
        raise UsageError(f"seed = {seed} under {TABLE} must be from 0 to {SEEDS - 1}")
    return randbelow(SEEDS) if seed is None else seed
