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
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

PACKAGE = "@iconify-json/fluent-emoji-flat@1.2.6"
SKIN_TONE = re.compile(r"-(light|medium|dark)(-|$)")
RESPELLED = {"piata": "pinata"}  # the package drops letters outside ASCII

Drawings = dict[str, str]  # name, in words -> SVG


def load(folder: Path) -> Drawings:
    """Every drawing by its name, such as "hot beverage"; the package is fetched into `folder` by npm if need be."""
    archives = sorted(folder.glob("iconify-json-fluent-emoji-flat-*.tgz"))
    if not archives:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", PACKAGE], cwd=folder, check=True, capture_output=True)
        archives = sorted(folder.glob("iconify-json-fluent-emoji-flat-*.tgz"))
    with tarfile.open(archives[-1]) as archive:
        icons = json.load(archive.extractfile("package/icons.json"))["icons"]
        flags = json.load(archive.extractfile("package/metadata.json"))["categories"]["Flags"]
    bodies = {name: icon["body"] for name, icon in sorted(icons.items()) if name not in flags}
    return {words(name): svg(body) for name, body in bodies.items() if not SKIN_TONE.search(name)}


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
