from __future__ import annotations

from pathlib import Path

import pytest
from transformers import CodeGenForCausalLM

from moss_agent.checkpoints.moss import register
from moss_agent.checkpoints.moss.configuration import MossConfig
from moss_agent.checkpoints.moss.modeling import MossForCausalLM
from tests.checkpoints.moss.published import SIZES, make_reference, write_checkpoint

register()


@pytest.fixture(scope="session")
def reference() -> CodeGenForCausalLM:
    """What MOSS has to compute, computed by transformers' own code."""
    return make_reference()


@pytest.fixture(scope="session", params=["eager", "sdpa"])
def moss(request: pytest.FixtureRequest, reference: CodeGenForCausalLM) -> MossForCausalLM:
    """The reference's weights in our model, with each attention that works on a CPU (flex gives nonsense there)."""
    return make_moss(reference, request.param)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the authors published theirs."""
    return write_checkpoint(tmp_path_factory.mktemp("moss"))


def make_moss(reference: CodeGenForCausalLM, attention: str = "sdpa") -> MossForCausalLM:
    config = MossConfig(vocab_size=reference.config.vocab_size, bos_token_id=0, eos_token_id=1, **SIZES)
    config._attn_implementation = attention
    model = MossForCausalLM(config).eval()
    model.load_state_dict(reference.state_dict())
    return model
