"""Tiny MOSS models and a checkpoint of one, made where a test asks for them: torch takes long to import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from transformers import CodeGenForCausalLM

    from moss_agent.checkpoints.moss.modeling import MossForCausalLM


@pytest.fixture(scope="session")
def reference() -> CodeGenForCausalLM:
    """What MOSS has to compute, computed by transformers' own code."""
    from tests.checkpoints.moss.published import make_reference

    return make_reference()


@pytest.fixture(scope="session", params=["eager", "sdpa"])
def moss(request: pytest.FixtureRequest, reference: CodeGenForCausalLM) -> MossForCausalLM:
    """The reference's weights in our model, with each attention that works on a CPU (flex gives nonsense there)."""
    from tests.checkpoints.moss.published import make_moss

    return make_moss(reference, request.param)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the authors published theirs, which transformers knows how to load."""
    from moss_agent.checkpoints.moss import register
    from tests.checkpoints.moss.published import write_checkpoint

    register()
    return write_checkpoint(tmp_path_factory.mktemp("moss"))
