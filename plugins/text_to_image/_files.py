"""Pictures on the disk: a name of their own, their details inside, never half-written, never overwriting."""

from __future__ import annotations

import json
import os
import re
import tempfile
import unicodedata
import uuid
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moss_agent.errors import PluginError

if TYPE_CHECKING:
    from PIL.Image import Image

DETAILS = "moss_agent"  # the key of the text in the file that has the details, as JSON
TINY, SHOWN = 256, 512  # pixels of the longer side


def writable(directory: str) -> Path:
    """Return the directory, made if need be and tried out: better to fail before minutes of drawing than after."""
    folder = Path(directory)
    try:
        folder = folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder.resolve()
    except (OSError, RuntimeError) as error:  # the latter of a home directory that is not there
        raise unsaved(folder, error) from error


def save(image: Image, folder: Path, description: str, details: dict[str, Any]) -> Path:
    """Write the picture as PNG with its details, under a new name, never half-written. Small ones are enlarged."""
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    about.add_itxt("Description", description)
    about.add_itxt(DETAILS, json.dumps(details, ensure_ascii=False))
    image = enlarged(image)
    part = folder / f".{uuid.uuid4().hex}.part"
    try:
        with part.open("xb") as file:
            image.save(file, "PNG", pnginfo=about)
            file.flush()
            os.fsync(file.fileno())
        return published(part, f"{datetime.now():%Y%m%d-%H%M%S}-{slug(description)}")
    except OSError as error:
        raise unsaved(folder, error) from error
    finally:
        part.unlink(missing_ok=True)


def enlarged(image: Image) -> Image:
    """Return the picture so many times larger that it can be looked at, if it is tiny."""
    from PIL.Image import Resampling

    times = SHOWN // max(image.size) if max(image.size) <= TINY else 1
    return image.resize((image.width * times, image.height * times), Resampling.LANCZOS)


def published(part: Path, stem: str) -> Path:
    """Give the file the first name that is free."""
    names = (f"{stem}.png" if number == 1 else f"{stem}-{number}.png" for number in count(1))
    while True:
        path = part.with_name(next(names))
        with suppress(FileExistsError):
            give_name(part, path)
            return path


def give_name(part: Path, path: Path) -> None:
    """Let the file be found under the name too. Raises FileExistsError if there is one of that name."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # FAT and many shares have no links: reserve the name by an empty file
        path.touch(exist_ok=False)
        try:
            part.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise


def unsaved(folder: Path, error: OSError | RuntimeError) -> PluginError:
    why = getattr(error, "strerror", None) or error
    return PluginError(f"pictures cannot be saved in {folder} ({why}): set directory under [plugins.text_to_image]")


def slug(description: str) -> str:
    """Join letters and digits of any script by hyphens: at most 32, as a name of 255 bytes has to hold them."""
    words = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", description).lower()).strip("-")
    whole = words[:33].rpartition("-")[0] if len(words) > 32 else words  # rather no part of a word
    return whole or words[:32] or "picture"
