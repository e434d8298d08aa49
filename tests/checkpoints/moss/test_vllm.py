"""The plugin for vLLM, as far as it can be tried without vLLM: a package in its place has transformers' GPT-J."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_packaging import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

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
BROUGHT_BY_VLLM = {"filelock", "httpx2", "huggingface-hub", "mpmath", "msgspec", "numpy", "psutil", "safetensors"}
BROUGHT_BY_VLLM |= {"sympy", "tokenizers", "tomli", "torch", "tqdm", "transformers"}
MODULES = {"pypi-simple": "pypi_simple"}  # names of what packages are imported as, where they differ
HIDING = """
import sys
from importlib.machinery import PathFinder
class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""
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


def test_what_the_plugin_does_without_is_not_there() -> None:
    code = f"HIDDEN = {own_packages()}\n{HIDING}\nimport platformdirs"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'platformdirs'\n")


def own_packages() -> set[str]:
    """What this package needs, with its models on this machine, and vLLM does not bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *extras["local"], *extras["mini"]]
    names = {re.split("[<>=;[ ]", requirement)[0] for requirement in needed} - BROUGHT_BY_VLLM - {"moss-agent"}
    assert {"platformdirs", "numexpr", "peft"} <= names
    return {MODULES.get(name, name) for name in names}


@pytest.mark.slow
def test_the_weights_that_vllm_gets_make_a_gptj_that_computes_the_same(checkpoint: Path, tmp_path: Path) -> None:
    """With nothing installed but what vLLM brings: `pip install --no-deps` is enough beside it."""
    for name, text in STANDS_FOR_VLLM.items():
        file = tmp_path / "vllm" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    program = f"HIDDEN = {own_packages()}\n{HIDING}{PROGRAM}"
    command = [sys.executable, "-c", program, str(checkpoint)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-4


def test_the_entry_point_needs_no_vllm_to_be_imported() -> None:
    code = "import sys; from moss_agent.checkpoints.moss.vllm_plugin import register"
    code += "; print({'torch', 'vllm'} & set(sys.modules), register)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("set() <function register"), done.stderr
