"""LoRA: train an adapter in a folder, continue an interrupted run, export what was trained."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.resources import set_default_mode
from moss_agent.training.attention import use_packed_attention
from moss_agent.training.masking import pack_loss
from moss_agent.training.packing import Pack

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

CHECKPOINT_EVERY = 50  # steps
STATE = "state.pt"

LearningRate = Callable[[int, float], float]  # of the steps taken and the share of the tokens seen


def with_adapter(base: PreTrainedModel, rank: int, base_name: str) -> PeftModel:
    """Return the model with a fresh adapter on all linear layers: its weights stay as they are, the adapter is fp32."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    model.peft_config["default"].base_model_name_or_path = base_name
    return model


class Run:
    """A training run in a folder: it goes on where an earlier process stopped.

    rows: the same ones for every process; those that were seen are skipped. start: an adapter to begin with.
    """

    def __init__(
        self,
        out: Path,
        model: PeftModel,
        rows: Iterable[Pack],
        tokens: int,
        learning_rate: LearningRate,
        start: Path | None = None,
    ) -> None:
        import torch
        from transformers import PreTrainedModel

        self.out, self.model, self.tokens, self.learning_rate = out, model, tokens, learning_rate
        causal = model.get_base_model()
        assert isinstance(causal, PreTrainedModel)
        use_packed_attention(causal)
        self.causal = causal
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=learning_rate(0, 0.0), weight_decay=0.0, fused=True)
        self.step = self.seen = 0
        self.log: list[dict[str, float]] = []
        if (out / STATE).exists():
            self._load()
        elif start:
            self._start_from(start)
        self.rows = itertools.islice(rows, self.step, None)

    def train(self) -> None:
        """Take steps until all tokens were seen or the batches end, then export the adapter."""
        self.model.train()
        before = self.log[-1]["seconds"] if self.log else 0
        started = time.monotonic()
        for row in itertools.takewhile(lambda _: self.seen < self.tokens, self.rows):
            rate = self.learning_rate(self.step, self.seen / self.tokens)
            loss = self._take_step(row, rate)
            self.step += 1
            self.seen += row.tokens
            seconds = before + round(time.monotonic() - started)
            self.log.append({"step": self.step, "tokens": self.seen, "loss": loss, "lr": rate, "seconds": seconds})
            if self.step % CHECKPOINT_EVERY == 0:
                self._save()
        self._save()
        export(self.model, self.out / "adapter")

    def _take_step(self, row: Pack, rate: float) -> float:
        import torch

        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = pack_loss(self.causal, row)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return round(loss.item(), 4)

    def _start_from(self, adapter: Path) -> None:
        from peft import set_peft_model_state_dict
        from safetensors.torch import load_file

        set_peft_model_state_dict(self.model, load_file(adapter / "adapter_model.safetensors"))

    def _save(self) -> None:
        """Write state and log. The state gets its name when it is complete, so a killed run loses 50 steps at most."""
        import torch
        from peft import get_peft_model_state_dict

        self.out.mkdir(parents=True, exist_ok=True)
        state = {"adapter": get_peft_model_state_dict(self.model), "optimizer": self.optimizer.state_dict()}
        part = self.out / f"{STATE}.part"
        torch.save({**state, "step": self.step, "seen": self.seen, "log": self.log}, part)
        part.replace(self.out / STATE)
        lines = (json.dumps(record) + "\n" for record in self.log)
        (self.out / "log.jsonl").write_text("".join(lines), encoding="utf-8")

    def _load(self) -> None:
        import torch
        from peft import set_peft_model_state_dict

        state = torch.load(self.out / STATE)
        set_peft_model_state_dict(self.model, state["adapter"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seen, self.log = state["step"], state["seen"], state["log"]


def export(model: PeftModel, folder: Path) -> None:
    """Write the adapter in bf16, which halves its size."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: t.to(torch.bfloat16).contiguous() for name, t in get_peft_model_state_dict(model).items()}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = model.peft_config["default"]
    config.inference_mode = True
    config.save_pretrained(str(folder))
    set_default_mode(folder)
