"""`moss-agent image` in a process of its own, with the pipeline that comes along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from moss_agent.cli.image import suitable, with_flags

from .conftest import Program

pytestmark = pytest.mark.slow


def test_draws_and_draws_again_identically(program: Program, tmp_path: Path) -> None:
    done = program("image", "a fox reading", "--seed", "3", "--steps", "1", "--out", "first")
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    assert path.parent == tmp_path / "first"
    assert "note: the pipeline doodle does not know and leaves out: reading" in done.stderr
    with Image.open(path) as image:
        assert image.size == (512, 512)
        details = json.loads(image.text["moss_agent"])
    assert details["pipeline"] == "doodle" and details["seed"] == 3 and details["steps"] == 1

    again = program("image", "--repeat", str(path), "--out", "second")
    assert again.returncode == 0, again.stderr
    assert Path(again.stdout.strip()).read_bytes() == path.read_bytes()
    assert "changed" not in again.stderr


RECORDED = {"pipeline": "models/sd", "revision": "folder:1", "seed": 3, "steps": 5, "guidance": 2.0, "size": "64x64"}
TABLE = {"pipeline": "someone/other", "steps": 9, "negative": "blurry", "size": "8x8", "count": 4, "directory": "there"}


@pytest.mark.parametrize(
    ("recorded", "flags", "settings"),
    [
        ({}, {}, TABLE),
        ({}, {"pipeline": "doodle"}, {"count": 4, "directory": "there"}),
        (RECORDED, {}, {**RECORDED, "count": 1, "directory": "there"}),
        (
            RECORDED,
            {"pipeline": "/elsewhere/sd"},
            {"seed": 3, "steps": 5, "guidance": 2.0, "size": "64x64", "count": 1, "directory": "there"},
        ),
    ],
)
def test_settings_for_one_pipeline_or_picture_are_not_those_of_another(
    recorded: dict[str, object], flags: dict[str, object], settings: dict[str, object]
) -> None:
    assert suitable(TABLE, recorded, flags) == settings


def test_remedies_name_the_flags_of_what_is_not_in_the_settings_file() -> None:
    error = "remove size from [plugins.text_to_image]; guidance = inf under [plugins.text_to_image] must be 0"
    assert with_flags(error, {"size", "guidance"}) == "remove --size; --guidance inf must be 0"
    assert with_flags(error, {"size"}) == error.replace("size from [plugins.text_to_image]", "--size", 1)
    assert with_flags(error, set()) == error
    assert with_flags("set directory under [plugins.text_to_image]", {"directory"}) == "set --out"


def test_a_line_of_json_tells_what_was_drawn(program: Program) -> None:
    call = json.dumps({"id": 1, "tool": "Text2Image", "argument": "a fox reading"})
    answer = json.loads(program("plugins", "run", "--jsonl", stdin=call).stdout)
    assert answer["result"] == "Image generated successfully."
    (image,) = answer["images"]
    assert Path(image["path"]).is_file() and image["details"]["pipeline"] == "doodle"
    assert image["notices"] == ["the pipeline doodle does not know and leaves out: reading"]


def test_several_pictures(command: Program) -> None:
    done = command("image", "a dog", "--count", "2", "--steps", "1", "--size", "128x128")
    first, second = map(Path, done.stdout.split())
    assert first.read_bytes() != second.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give a DESCRIPTION"),
        (["a fox", "--repeat", "x.png"], 2, "give a DESCRIPTION"),
        (["--repeat", "none.png"], 2, "no picture none.png"),
        (["a fox", "--size", "huge"], 2, '--size "huge" must look like'),
        (["a fox", "--out", "~nobodyx/here"], 2, "there is no such home folder"),
        (["a fox", "--out", "/dev/null/x"], 1, "pictures cannot be saved in /dev/null/x"),
        (["a fox", "--steps", "0"], 2, "--steps 0 must be from 1"),
        (["a fox", "--dtype", "int3"], 2, "no dtype 'int3'"),
        (["a fox", "--pipeline", "./nowhere"], 2, "no pipeline folder ./nowhere"),
        (["quantum chromodynamics"], 1, "knows nothing that it could draw in quantum, chromodynamics: it draws"),
        (["a fox", "--device", "gpu"], 2, "no device 'gpu'"),
    ],
)
def test_what_cannot_be_drawn(command: Program, arguments: list[str], code: int, message: str) -> None:
    done = command("image", *arguments)
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert message in done.stderr
    assert done.returncode == code


@pytest.mark.parametrize("details", ["{", "[]", '{"steps": "many"}', '{"seed": true}', None])
def test_files_that_do_not_tell_what_they_were_drawn_from(
    command: Program, tmp_path: Path, details: str | None
) -> None:
    about = PngInfo()
    about.add_itxt("Description", "a fox")
    if details is not None:
        about.add_itxt("moss_agent", details)
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png", pnginfo=about)
    done = command("image", "--repeat", "x.png")
    assert done.returncode == 2
    assert "x.png is no picture of this program" in done.stderr or "which cannot be" in done.stderr
