"""Sessions on the published MOSS layout, placed and packed as the settings say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from moss_agent.cancellation import Cancellation
from moss_agent.checkpoints.families import load_family
from moss_agent.engine.local import LocalSession
from moss_agent.opening.local import open_local
from moss_agent.session import Sampling
from moss_agent.settings import Settings
from tests.checkpoints.moss.published import write_checkpoint

PROMPT = "<|Human|>: Who are you?<eoh>\n<|Inner Thoughts|>:"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("moss"))


def open_session(folder: Path, **settings: object) -> LocalSession:
    return open_local(Settings(model=str(folder), dtype="fp32", **settings), load_family("moss")).session("")


def logits(session: LocalSession) -> torch.Tensor:
    session.extend(PROMPT)
    return torch.from_numpy(session._model.scheduler.logits(session._sequence, Cancellation())[0][0])


def written(session: LocalSession) -> str:
    return "".join(session.generate(["<eot>"], Sampling(max_new_tokens=12), Cancellation()))


@pytest.fixture(scope="module")
def plain(folder: Path) -> LocalSession:
    return open_session(folder)


@pytest.fixture(scope="module")
def want(plain: LocalSession) -> torch.Tensor:
    return logits(plain)


@pytest.mark.parametrize("cpu", ["3700kB", "3200kB"], ids=["a part", "all"])
def test_weights_on_disk_compute_the_same(folder, plain, want, tmp_path, cpu):
    session = open_session(folder, max_memory={"cpu": cpu}, offload_folder=str(tmp_path))
    assert torch.allclose(logits(session), want, atol=1e-5)
    plain.rewind(session.length)
    assert written(session) == written(plain)
    assert any(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "error"), [("int8", 0.1), ("int4", 0.5)])
def test_packed_weights_compute_nearly_the_same(folder, want, kind, error):
    session = open_session(folder, quantize=kind)
    assert 0 < (logits(session) - want).norm() / want.norm() < error


def test_the_context_is_what_model_family_and_settings_allow(folder):
    assert open_session(folder).context_length == 2048
    assert open_session(folder, context_length=300).context_length == 300


def test_the_caches_of_all_conversations_keep_to_the_memory_that_may_be_used(folder):
    session = open_session(folder, max_memory={"cpu": "50MB"})
    token = 2 * 3 * 64 * 4  # keys and values, layers, numbers of each, bytes of one
    assert session.context_length < session._model.scheduler._budget._limit < 50_000_000 / 2 / token


def test_a_checkpoint_may_say_that_markers_swallow_whitespace(folder, tmp_path):
    other = Path(shutil.copytree(folder, tmp_path / "model"))
    file = other / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "strip_added_tokens": True}))
    whole, pieces = open_session(other), open_session(other)
    whole.extend(PROMPT)
    for piece in ("<|Human|>: Who are you?<eoh>", "\n", "<|Inner Thoughts|>:"):
        pieces.extend(piece)
    ids = whole._sequence.ids
    assert whole._model.codec.decode(ids) == PROMPT.replace("\n", "")
    assert ids == pieces._sequence.ids


def test_the_library_shows_no_bar_of_its_own(folder, capfd):
    open_session(folder)
    assert capfd.readouterr() == ("", "")
