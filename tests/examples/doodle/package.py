"""A package of drawings as npm has it, with few of them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

SHAPES = {
    "fox": '<circle cx="16" cy="16" r="14" fill="#f60"/>',
    "owl": '<rect x="4" y="4" width="24" height="24" fill="#963"/>',
    "black-cat": '<circle cx="16" cy="16" r="12" fill="#111"/>',
    "cat": '<circle cx="16" cy="16" r="12" fill="#ccc"/>',
    "cat-face": '<circle cx="16" cy="16" r="12" fill="#cc0"/>',
    "man-in-tuxedo": '<path d="M16 2 30 30H2z" fill="#225"/>',
    "fox-dark": '<circle cx="16" cy="16" r="14"/>',
    "fox-medium-dark": '<circle cx="16" cy="16" r="14"/>',
    "traffic-light": '<rect x="12" width="8" height="32" fill="#333"/>',
    "white-flag": '<rect width="32" height="20"/>',
}
NAMES = ["black cat", "cat", "cat face", "fox", "man in tuxedo", "owl", "traffic light"]


def write(folder: Path) -> None:
    files = {
        "icons.json": {"icons": {name: {"body": body} for name, body in SHAPES.items()}},
        "metadata.json": {"categories": {"Flags": ["white-flag"]}},
    }
    with tarfile.open(folder / "iconify-json-fluent-emoji-flat-1.2.6.tgz", "w:gz") as archive:
        for name, data in files.items():
            content = json.dumps(data).encode()
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
