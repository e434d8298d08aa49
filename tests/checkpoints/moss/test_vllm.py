"""The plugin for vLLM, as far as it can be tried without vLLM: a package in its place has transformers' GPT-J."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_packaging import ROOT

STANDS_FOR_VLLM = {
    "__init__.py": """
class ModelRegistry:
    models = {}
    @classmethod
    def register_model(cls, architecture, model):
        cls.models[architecture] = model
""",
    "model_executor/__init__.py": "",
    "model_executor/models/__init__.py": "",
    "model_executor/models/gpt_j.py": """
from torch import nn
import transformers
class GPTJForCausalLM(nn.Module):
    def __init__(self, *, vllm_config, prefix=""):
        super().__init__()
        config = vllm_config.model_config.hf_config
        assert config.rope_parameters["rope_theta"] == 10000.0
        names = ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "rotary_dim", "n_inner")
        config = transformers.GPTJConfig(**{name: getattr(config, name) for name in names})
        self.inner = transformers.GPTJForCausalLM(config).eval()
    def load_weights(self, weights):
        return set(self.inner.load_state_dict(dict(weights)).missing_keys)
""",
}
PROGRAM = """
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
import torch
from moss_agent.checkpoints.moss.vllm_plugin import register
register(); register()
from transformers import AutoConfig, AutoModelForCausalLM
from vllm import ModelRegistry
config = AutoConfig.from_pretrained(sys.argv[1])
module, name = ModelRegistry.models[config.architectures[0]].split(":")
vllm_config = SimpleNamespace(model_config=SimpleNamespace(hf_config=config))
model = getattr(import_module(module), name)(vllm_config=vllm_config)
files = sorted(Path(sys.argv[1]).glob("*.bin"))
assert model.load_weights(item for file in files for item in torch.load(file).items()) == set()
ids = torch.randint(300, (2, 30))
moss = AutoModelForCausalLM.from_pretrained(sys.argv[1]).eval()
with torch.inference_mode():
    print(float((model.inner(ids).logits - moss(ids).logits).abs().max()))
"""


@pytest.mark.slow
def test_the_weights_that_vllm_gets_make_a_gptj_that_computes_the_same(checkpoint: Path, tmp_path: Path) -> None:
    for name, text in STANDS_FOR_VLLM.items():
        file = tmp_path / "vllm" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = [sys.executable, "-c", PROGRAM, str(checkpoint)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-4


def test_the_entry_point_needs_no_vllm_to_be_imported() -> None:
    code = "import sys; from moss_agent.checkpoints.moss.vllm_plugin import register"
    code += "; print({'torch', 'vllm'} & set(sys.modules), register)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("set() <function register"), done.stderr
