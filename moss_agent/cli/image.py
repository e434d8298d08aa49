"""`moss-agent image`: draw a picture, or the same picture again."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Collection, Mapping
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

from moss_agent.cli.calling import call_plugin
from moss_agent.cli.options import add_debug_option, silence_libraries
from moss_agent.cli.pictures import LONGEST, as_text
from moss_agent.cli.streams import own_stdout
from moss_agent.cli.text import clean, one_line
from moss_agent.engine.loading import choose_device, choose_dtype
from moss_agent.errors import PluginError, UsageError
from moss_agent.events import Call, CallProgress
from moss_agent.extras import need
from moss_agent.plugin_host import PluginRunner, discover, select
from moss_agent.protocol import Command
from moss_agent.resources import read_bytes, user_path
from moss_agent.settings import load_settings

DESCRIPTION = """\
Draw a picture and print where it is. Without --pipeline, and without one in the settings file, the small pipeline
that comes along draws: simple things such as "a fox", "a blue owl on the left", "a cat and a dog, green background"."""

EXAMPLES = """\
examples:
  moss-agent image "a fox"
  moss-agent image "a red balloon, blue background" --count 4 --out balloons
  moss-agent image "a fox reading a book" --pipeline stabilityai/sd-turbo --size 512x512
  moss-agent image --repeat images/20260101-120000-a-fox.png"""

PLUGIN = "text_to_image"
KINDS: dict[str, tuple[type, ...]] = {
    "pipeline": (str,),
    "revision": (str,),
    "seed": (int,),
    "steps": (int,),
    "guidance": (int, float),
    "negative": (str,),
    "dtype": (str,),
    "size": (str,),
}  # the details of a picture from which it can be drawn again, which are settings of the plugin too
FLAGS = {"directory": "out"}  # whose name is another than the setting's
OF_A_PIPELINE = {"pipeline", "revision", "steps", "guidance", "size", "negative"}  # what suits one suits no other


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    add = parser.add_argument
    add("description", nargs="?", metavar="DESCRIPTION", help="what to draw, in words")
    add("--repeat", metavar="FILE", type=user_path, help="draw a picture of this program again, identically")
    add("--seed", metavar="N", type=int, help="the same seed gives the same picture (default: a new one)")
    add("--size", metavar="WxH", help="width x height in pixels (default: by the pipeline)")
    add("--steps", metavar="N", type=int, help="more are slower and, up to a point, better (default: by the pipeline)")
    add("--guidance", metavar="G", type=float, help="how closely to follow the description (default: by the pipeline)")
    add("--negative", metavar="TEXT", help="what should not be in the picture")
    add("--count", metavar="N", type=int, help="how many pictures, with seeds one after another (default: 1)")
    add("--pipeline", metavar="NAME", help="doodle, a name on the Hugging Face hub, or a folder (default: doodle)")
    add("--out", dest="directory", metavar="DIR", type=_folder, help="folder for the pictures (default: images)")
    add("--device", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    add("--dtype", help="auto, fp32, fp16, bf16 (default: auto)")
    add_debug_option(parser)
    parser.set_defaults(run=run)


def _folder(name: str) -> str:
    return str(user_path(name))


def run(parsed: argparse.Namespace) -> int:
    if bool(parsed.description) == bool(parsed.repeat):
        raise UsageError("give a DESCRIPTION of what to draw, or --repeat FILE and no description")
    need("images")
    description, recorded = recipe(parsed.repeat) if parsed.repeat else (parsed.description, {})
    with own_stdout():  # other plugins may print while they are loaded
        plugin = select(discover(), [PLUGIN])[0]
    names = plugin.options.keys() & vars(parsed).keys()
    flags = {name: value for name in names if (value := getattr(parsed, name)) is not None}
    table = load_settings().plugin_settings.get(PLUGIN, {})
    silence_libraries()
    options = {**suitable(table, recorded, flags), **flags}
    with own_stdout() as out, closing(PluginRunner([plugin], {PLUGIN: options})) as runner:
        choose_dtype(options.get("dtype", "auto"), choose_device(options.get("device", "auto")))
        try:
            call = draw(runner, Command(plugin.name, (description,)))
        except (UsageError, PluginError) as error:
            raise type(error)(with_flags(str(error), names - (table.keys() - flags.keys()))) from None
        for picture in call.images:
            if recorded and picture.details.get("revision") != recorded.get("revision"):
                print("note: the pipeline has changed since: the picture may be another one", file=sys.stderr)
            if out.isatty():
                out.write(as_text(picture.path))
            print(clean(picture.path), file=out, flush=True)
    return 0


def suitable(table: Mapping[str, Any], recorded: Mapping[str, Any], flags: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings below the flags: those of the settings file, or what was recorded and nothing beside it."""
    if recorded:
        others = {name: value for name, value in table.items() if name not in KINDS}
        moved = {"pipeline", "revision"} if "pipeline" in flags else set()  # the same pipeline in another place
        return {**others, "count": 1} | {name: value for name, value in recorded.items() if name not in moved}
    if "pipeline" in flags:
        return {name: value for name, value in table.items() if name not in OF_A_PIPELINE}
    return table


def draw(runner: PluginRunner, command: Command) -> Call:
    """Run the call with a progress bar. Raises UsageError, PluginError."""
    from tqdm import tqdm

    with tqdm(unit="step", leave=False, disable=None) as bar:

        def show(progress: CallProgress) -> None:
            bar.total, bar.n = progress.total or None, progress.done
            bar.refresh()

        call = call_plugin(runner, command, show)
    for notice in dict.fromkeys(notice for picture in call.images for notice in picture.notices):
        print(f"note: {one_line(notice)}", file=sys.stderr)
    return call


def with_flags(error: str, names: Collection[str]) -> str:
    """Return the plugin's words with the flags for these settings, instead of the settings file."""
    if not names:
        return error
    setting = rf"\b({'|'.join(sorted(names))})(?: =( .*?))? (?:under|from) \[plugins\.{PLUGIN}\]"
    return re.sub(setting, lambda found: f"--{FLAGS.get(found[1], found[1])}{found[2] or ''}", error)


def recipe(path: Path) -> tuple[str, dict[str, Any]]:
    """Read what a picture was drawn from, description and settings. Raises UsageError if the file does not tell."""
    from PIL import Image

    if not path.exists():
        raise UsageError(f"no picture {path}")
    content = read_bytes(path, LONGEST)
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as image:
            texts = getattr(image, "text", {})
        description, details = texts["Description"], json.loads(texts["moss_agent"])
        found = {name: details[name] for name in KINDS if name in details}
        if "seed" not in found:
            raise ValueError("there is no seed")
    except Exception as error:  # whatever PIL and JSON make of a file that may be anything
        raise UsageError(f"{path} is no picture of this program, with what it was drawn from: {error}") from None
    for name, value in found.items():
        if not isinstance(value, KINDS[name]) or isinstance(value, bool):
            raise UsageError(f"{path} says that {name} is {value!r}, which cannot be")
    return str(description), found
