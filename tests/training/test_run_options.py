"""A run goes on with the same options and the same data only."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from moss_agent.checkpoints import weights
from moss_agent.errors import UsageError
from moss_agent.training.run_options import NAME, digest, noted, settle
from moss_agent.training.state import STATE

pytestmark = pytest.mark.slow
OPTIONS = {"rank": 16, "learning_rate": None, "precision": "fp32", "data": digest([([1, 2, 3], [False, True, True])])}


def begin(out: Path) -> None:
    """Note the options as a run does that has saved something."""
    settle(out, OPTIONS, may_write=True)
    (out / STATE).touch()


def test_the_same_options_go_on(tmp_path: Path) -> None:
    begin(tmp_path / "a" / "run")
    settle(tmp_path / "a" / "run", dict(OPTIONS), may_write=True)


def test_others_are_refused_and_change_nothing(tmp_path: Path) -> None:
    begin(tmp_path)
    noted = (tmp_path / NAME).read_bytes()
    others = {"rank": (8, "--rank"), "learning_rate": (1e-4, "--learning-rate"), "precision": ("bf16", "--dtype")}
    for name, (value, option) in others.items():
        changed, what = {name: value}, f"another {option}"
        with pytest.raises(UsageError, match=f"has a run with {what}: name another folder, or remove it"):
            settle(tmp_path, OPTIONS | changed, may_write=True)
    assert (tmp_path / NAME).read_bytes() == noted


@pytest.mark.parametrize(
    "other",
    [
        [([1, 2, 4], [False, True, True])],
        [([1, 2, 3], [False, False, True])],
        [([1, 2], [False, True]), ([3], [True])],
        [([1, 2, 3], [False, True, True])] * 2,
    ],
    ids=["another token", "another one is learned", "cut elsewhere", "more"],
)
def test_other_data_is_refused(tmp_path: Path, other: list[tuple[list[int], list[bool]]]) -> None:
    begin(tmp_path)
    with pytest.raises(UsageError, match="has a run with other data"):
        settle(tmp_path, OPTIONS | {"data": digest(other)}, may_write=True)


def test_other_weights_of_the_base_are_refused(tmp_path: Path) -> None:
    base, out = tmp_path / "base", tmp_path / "run"
    model = torch.nn.Linear(200, 200)
    base.mkdir()
    save_file(model.state_dict(), base / "model.safetensors")
    options = OPTIONS | {"weights": weights.digest(base)}
    settle(out, options, may_write=True)
    (out / STATE).touch()
    settle(out, OPTIONS | {"weights": weights.digest(base)}, may_write=True)
    with torch.no_grad():
        model.weight.mul_(1.01)
    save_file(model.state_dict(), base / "model.safetensors")
    with pytest.raises(UsageError, match="has a run with other weights of the base"):
        settle(out, OPTIONS | {"weights": weights.digest(base)}, may_write=True)


def test_a_start_that_saved_nothing_is_no_run(tmp_path: Path) -> None:
    settle(tmp_path, OPTIONS, may_write=True)
    settle(tmp_path, OPTIONS | {"rank": 8}, may_write=True)
    (tmp_path / STATE).touch()
    settle(tmp_path, OPTIONS | {"rank": 8}, may_write=True)


def test_what_was_noted_is_known_of_a_run_only(tmp_path: Path) -> None:
    settle(tmp_path, OPTIONS, may_write=True)
    assert noted(tmp_path) == {}
    begin(tmp_path)
    assert noted(tmp_path) == OPTIONS
    for damaged in ("{", "[]"):
        (tmp_path / NAME).write_text(damaged)
        assert noted(tmp_path) == {}


def test_options_that_cannot_be_read_are_others(tmp_path: Path) -> None:
    begin(tmp_path)
    (tmp_path / NAME).write_text("{")
    with pytest.raises(UsageError, match="has a run with another --rank"):
        settle(tmp_path, OPTIONS, may_write=True)


def test_of_several_processes_only_the_first_writes(tmp_path: Path) -> None:
    settle(tmp_path / "run", OPTIONS, may_write=False)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="name another folder"):
        settle(tmp_path / "file" / "run", OPTIONS, may_write=True)
