"""The flat Fluent Emoji drawings (Microsoft, MIT) as small pictures.

They come as SVG in the npm package `@iconify-json/fluent-emoji-flat`; `npm pack` fetches it and resvg
renders it. Variants in other skin tones and flags are left out.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Collection
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

PACKAGE = "@iconify-json/fluent-emoji-flat@1.2.6"
ARCHIVE = "iconify-json-fluent-emoji-flat-1.2.6.tgz"
SKIN_TONE = re.compile(r"-(light|medium-light|medium|medium-dark|dark)$")
RESPELLED = {"piata": "pinata"}  # the package drops letters outside ASCII

Drawings = dict[str, str]  # name, in words -> SVG


def load(folder: Path) -> Drawings:
    """Every drawing by its name, such as "hot beverage"; the package is fetched into `folder` by npm if need be."""
    if not (folder / ARCHIVE).exists():
        fetch(folder)
    with tarfile.open(folder / ARCHIVE) as archive:
        icons = json.load(archive.extractfile("package/icons.json"))["icons"]
        flags = json.load(archive.extractfile("package/metadata.json"))["categories"]["Flags"]
    kept = [name for name in sorted(icons) if name not in flags and not is_variant(name, icons)]
    return {words(name): svg(icons[name]["body"]) for name in kept}


def fetch(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as part:
        subprocess.run(["npm", "pack", PACKAGE], cwd=part, check=True)
        (Path(part) / ARCHIVE).replace(folder / ARCHIVE)


def is_variant(name: str, icons: Collection[str]) -> bool:
    """Whether there is a drawing in all skin tones, this being one of them; a "traffic light" is none."""
    return bool(SKIN_TONE.search(name)) and SKIN_TONE.sub("-medium-dark", name) in icons


def words(name: str) -> str:
    return RESPELLED.get(name, name).replace("-", " ")


def svg(body: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{body}</svg>'


@cache
def render(drawing: str, size: int) -> np.ndarray:
    """The SVG as uint8 of size x size x 4, colours not multiplied by their opacity."""
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=drawing, width=size, height=size)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
