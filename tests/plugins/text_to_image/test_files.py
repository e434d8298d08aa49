"""Pictures on the disk."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from moss_agent.errors import PluginError

pytestmark = pytest.mark.slow

WRITER = """
import sys
from pathlib import Path
from PIL import Image
from moss_agent.plugin_host.loading import load_module
import importlib
files = importlib.import_module("._files", load_module(Path(sys.argv[1])).__name__)
for number in range(20):
    files.save(Image.new("RGB", (8, 8)), Path(sys.argv[2]), "same", {"writer": sys.argv[3], "number": number})
"""


@pytest.fixture
def files(module: Callable[[str], ModuleType]) -> ModuleType:
    return module("_files")


def test_many_writers_never_share_a_name(files: ModuleType, tmp_path: Path) -> None:
    def save(number: int) -> Path:
        return files.save(Image.new("RGB", (8, 8)), tmp_path, "same", {"number": number})

    with ThreadPoolExecutor(8) as threads:
        paths = list(threads.map(save, range(40)))
    assert [json.loads(Image.open(path).text["moss_agent"]) for path in paths] == [{"number": n} for n in range(40)]
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_two_processes_lose_nothing(module: Callable[[str], ModuleType], tmp_path: Path) -> None:
    folder = Path(module().__file__).parent
    commands = [[sys.executable, "-c", WRITER, str(folder), str(tmp_path), name] for name in ("one", "two")]
    writers = [subprocess.Popen(command) for command in commands]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    told = [json.loads(Image.open(path).text["moss_agent"]) for path in tmp_path.iterdir()]
    assert sorted((one["writer"], one["number"]) for one in told) == [(w, n) for w in ("one", "two") for n in range(20)]


def test_a_picture_has_its_name_only_when_it_is_whole(
    files: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    write, link = Image.Image.save, os.link

    def watched_write(image: Image.Image, *arguments: object, **more: object) -> None:
        write(image, *arguments, **more)
        seen.append([path.suffix for path in tmp_path.iterdir()])

    def watched_link(part: Path, path: Path) -> None:
        seen.append([path.suffix for path in tmp_path.iterdir()])
        link(part, path)

    monkeypatch.setattr(Image.Image, "save", watched_write)
    monkeypatch.setattr(os, "link", watched_link)
    path = files.save(Image.new("RGB", (8, 8)), tmp_path, "fox", {})
    assert seen == [[".part"], [".part"]]
    assert list(tmp_path.iterdir()) == [path]


def test_without_links_no_name_is_taken_twice(
    files: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError("as on FAT")

    monkeypatch.setattr(os, "link", no_links)
    paths = [files.save(Image.new("RGB", (8, 8)), tmp_path, "same", {"number": n}) for n in range(3)]
    assert [json.loads(Image.open(path).text["moss_agent"])["number"] for path in paths] == [0, 1, 2]
    assert sorted(tmp_path.iterdir()) == sorted(paths)


@pytest.mark.parametrize(
    ("description", "slug"),
    [
        ("a small blue owl, yellow background", "a-small-blue-owl-yellow"),
        ("狐狸看书", "狐狸看书"),
        ("../../etc: a*b?\x00", "etc-a-b"),
        ("🦊", "picture"),
        ("CON", "con"),
        ("x" * 500, "x" * 32),
    ],
)
def test_names_are_safe_everywhere(files: ModuleType, description: str, slug: str) -> None:
    assert files.slug(description) == slug


@pytest.mark.parametrize(
    ("size", "shown"),
    [((64, 32), (512, 256)), ((128, 128), (512, 512)), ((256, 200), (512, 400)), ((300, 8), (300, 8))],
)
def test_tiny_pictures_are_enlarged(files: ModuleType, size: tuple[int, int], shown: tuple[int, int]) -> None:
    assert files.enlarged(Image.new("RGB", size)).size == shown


def test_directory_that_cannot_be_written(files: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PluginError, match=r"set directory under \[plugins.text_to_image\]"):
        files.writable(str(tmp_path / "file" / "images"))


def test_full_disk_leaves_nothing_behind(files: ModuleType, tmp_path: Path) -> None:
    noise = Image.effect_noise((256, 256), 100)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(PluginError, match="cannot be saved"):
            files.save(noise, tmp_path, "noise", {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())
