"""Run by torchrun: load a checkpoint with tensor parallelism and write what it computes to a file.

torchrun --nproc-per-node 2 on_two_ranks.py CHECKPOINT OUTPUT
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.distributed import DistributedConfig

from moss_agent.checkpoints.moss import register
from tests.checkpoints.moss.test_modeling import IDS, WAYS, generate


def main(checkpoint: str, output: str) -> None:
    register()
    found = {attention: compute(checkpoint, attention) for attention in ("eager", "sdpa")}
    if torch.distributed.get_rank() == 0:
        torch.save(found, output)
    torch.distributed.destroy_process_group()


def compute(checkpoint: str, attention: str) -> dict[str, Any]:
    model = AutoModelForCausalLM.from_pretrained(
        checkpoint,
        dtype=torch.float32,
        attn_implementation=attention,
        distributed_config=DistributedConfig(tp_size=torch.distributed.get_world_size(), tp_plan="auto"),
    ).eval()
    ids = IDS % model.config.vocab_size
    with torch.no_grad():
        logits = model(ids).logits
    tokens = {way: generate(model, ids, **options) for way, options in WAYS.items()}
    shard = model.transformer.h[0].attn.qkv_proj.weight.to_local().shape
    return {"logits": logits, "tokens": tokens, "shard": list(shard)}


if __name__ == "__main__":
    torch.distributed.init_process_group("gloo")
    main(*sys.argv[1:])
