"""MOSS's attention here (sdpa, eager) against transformers' own CodeGen with the same random weights.

    python bench/moss.py [--width 1024] [--layers 8] [--dtype fp32] [--threads 2]

Prefill is the whole context in one pass, decode is one token after it with everything cached; medians, in tokens per
second. The last columns are the KV cache after that context: what it takes here, and what the original code would keep,
whose keys stayed in float32 whatever the precision. Ratios carry over to other machines, seconds do not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from transformers import CodeGenConfig, CodeGenForCausalLM, DynamicCache, PreTrainedModel

from moss_agent.checkpoints.moss.configuration import MossConfig
from moss_agent.checkpoints.moss.modeling import MossForCausalLM
from moss_agent.engine.loading import DTYPES

CONTEXTS = (128, 512, 1024, 2048)
RUNS, STEPS = 3, 8


def make_models(sizes: dict[str, int], dtype: torch.dtype) -> dict[str, PreTrainedModel]:
    """The same weights three times: by transformers, and by ours with both ways to attend."""
    torch.manual_seed(0)
    stock = CodeGenForCausalLM(CodeGenConfig(**sizes)).to(dtype).eval()
    models: dict[str, PreTrainedModel] = {"CodeGen": stock}
    for attention in ("eager", "sdpa"):
        models[attention] = MossForCausalLM(MossConfig(**sizes)).to(dtype).eval()
        models[attention].load_state_dict(stock.state_dict())
        models[attention].set_attn_implementation(attention)
    return models


def seconds(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


@torch.inference_mode()
def measure(model: PreTrainedModel, ids: torch.Tensor) -> tuple[float, float, DynamicCache]:
    """Tokens per second of prefill and of decode, and the cache that the context fills."""
    cache = DynamicCache()
    prefill = seconds(lambda: model(ids, past_key_values=cache, logits_to_keep=1))
    steps = [seconds(lambda: model(ids[:, :1], past_key_values=cache, logits_to_keep=1)) for _ in range(STEPS)]
    cache.crop(-STEPS)
    return ids.shape[1] / prefill, 1 / median(steps), cache


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--dtype", choices=DTYPES, default="fp32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    sizes = {"n_embd": arguments.width, "n_layer": arguments.layers, "n_head": 16, "rotary_dim": 32, "vocab_size": 8192}
    sizes |= {"n_positions": 4096, "bos_token_id": 0, "eos_token_id": 1}
    models = make_models(sizes, getattr(torch, DTYPES[arguments.dtype]))
    print(f"{'context':>7} {'attention':>9} {'prefill':>8} {'decode':>7} {'cache MB':>9} {'original MB':>11}")
    for context in CONTEXTS:
        ids = torch.randint(2, 8192, (1, context))
        runs = [{name: measure(model, ids) for name, model in models.items()} for _ in range(RUNS)]
        for name in models:
            prefill, decode = (median(run[name][column] for run in runs) for column in (0, 1))
            layers = runs[-1][name][2].layers
            kept = sum(layer.keys.nbytes + layer.values.nbytes for layer in layers)
            original = sum(layer.keys.numel() * 4 + layer.values.nbytes for layer in layers)
            print(f"{context:7} {name:>9} {prefill:8.0f} {decode:7.1f} {kept / 1e6:9.1f} {original / 1e6:11.1f}")


if __name__ == "__main__":
    main()
