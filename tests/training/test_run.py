"""Runs in a folder: what was learned, going on after a stop, several processes."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from peft import PeftModel

from moss_agent.errors import UsageError
from moss_agent.training import run as running
from moss_agent.training.learner import Learner
from moss_agent.training.packing import Pack, pack, packs
from moss_agent.training.run import Progress, Run, falling_rate, steps
from moss_agent.training.weights import load_adapter, save_adapter, with_adapter
from tests.training.models import conversation, gpt2, llama, moss

ROOT = Path(__file__).parents[2]
CONVERSATIONS = [conversation(number) for number in range(10)]
EPOCH = sum(len(ids) for ids, _ in CONVERSATIONS)
pytestmark = pytest.mark.slow  # importing peft takes seconds


def rows(epochs: int) -> Iterator[Pack]:
    for epoch in range(epochs):
        yield from packs(CONVERSATIONS, 60, epoch)


def run(out: Path, epochs: int = 4, learner: Learner | None = None, **options) -> Run:
    learner = learner or Learner(with_adapter(llama(), 4, "base/name"))
    return Run(out, learner, steps(rows(epochs), 100), epochs * EPOCH, falling_rate(0.02, 3, 0.3), **options)


def save_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(running, "SAVE_SHARE", math.inf)


def weights(made: Run) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in made.learner.trained.values()]


@pytest.mark.parametrize("build", [llama, moss])
def test_ten_conversations_are_learned_by_heart(tmp_path, build):
    model = build()
    made = run(tmp_path, epochs=60, learner=Learner(model))
    assert made.train()
    assert made.log[-1].loss < 0.2 < 3 < made.log[0].loss
    model.eval().set_attn_implementation("sdpa")
    for ids, written in CONVERSATIONS:
        begun = written.index(True)
        told = model.generate(torch.tensor([ids[:begun]]), max_new_tokens=len(ids) - begun, do_sample=False)
        assert told[0].tolist() == ids


@pytest.mark.parametrize("build", [lambda: with_adapter(llama(), 4, "base/name"), gpt2])
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(tmp_path, build):
    whole = run(tmp_path / "whole", learner=Learner(build()))
    whole.train()
    cut = run(tmp_path / "cut", learner=Learner(build()))
    cut.told = lambda progress: setattr(cut, "stopping", progress.step == 3)
    assert not cut.train()
    second = run(tmp_path / "cut", learner=Learner(build()))
    assert (second.step, second.seen) == (3, cut.seen)
    assert second.train()
    assert all(map(torch.equal, weights(whole), weights(second)))
    logged = [json.loads(line) for line in (tmp_path / "cut" / "log.jsonl").read_text().splitlines()]
    assert [line["tokens"] for line in logged] == [progress.tokens for progress in whole.log]
    assert [line["loss"] for line in logged] == [progress.loss for progress in whole.log]


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    run(tmp_path).train()
    again = run(tmp_path)
    assert again.is_done and again.train() and again.seen == 4 * EPOCH


def test_what_is_held_out_is_measured_and_not_learned(tmp_path):
    told: list[Progress] = []
    held_out = [pack([conversation(20), conversation(21)])]
    made = run(tmp_path, held_out=held_out, told=told.append)
    made.train()
    measured = [progress.held_out_loss for progress in told if progress.held_out_loss is not None]
    assert 5 < len(measured) <= 10 and measured[-1] == made.measure()[0]
    learner = made.learner.eval()
    with torch.no_grad():
        loss, _ = learner(held_out[0])
    assert measured[-1] == pytest.approx(loss.item() / len(held_out[0].targets), abs=1e-3)


def test_a_state_of_other_weights_is_refused(tmp_path):
    run(tmp_path).train()
    with pytest.raises(UsageError, match="other weights: name another folder$"):
        run(tmp_path, learner=Learner(llama()))


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_state_that_is_cut_is_named_with_the_remedy(tmp_path, share):
    run(tmp_path).train()
    state = tmp_path / "state.pt"
    os.truncate(state, int(share * state.stat().st_size))
    with pytest.raises(UsageError, match=r"state\.pt cannot be read: remove it, the run begins again then$"):
        run(tmp_path)
    state.unlink()
    assert run(tmp_path).step == 0


def test_a_folder_that_cannot_be_written_is_named_and_the_old_state_stays(tmp_path, monkeypatch):
    save_after_each_step(monkeypatch)
    made = run(tmp_path)
    made.told = lambda progress: (tmp_path / "state.pt.part").mkdir() if progress.step == 2 else None
    with pytest.raises(UsageError, match="the same command goes on$"):
        made.train()
    (tmp_path / "state.pt.part").rmdir()
    assert run(tmp_path).step == 1


def test_saving_takes_a_tenth_of_the_time_at_most(tmp_path, monkeypatch):
    """A state of minutes is not written every five minutes."""
    save_after_each_step(monkeypatch)
    monkeypatch.setattr(running, "SAVE_SHARE", 1e-9)
    made, steps_saved = run(tmp_path), []
    save = made._save

    def saved():
        save()
        steps_saved.append(made.step)

    made._save = saved
    made.train()
    assert steps_saved == [1, made.step]


def test_a_loss_that_is_not_finite_ends_the_run_and_the_last_state_stays(tmp_path, monkeypatch):
    save_after_each_step(monkeypatch)
    made = Run(tmp_path, Learner(llama()), steps(rows(4), 100), 4 * EPOCH, falling_rate(1e30, 1, 0.3))
    with pytest.raises(UsageError, match="is not finite: begin again in another folder with a lower .* is kept in"):
        made.train()
    kept = run(tmp_path, learner=Learner(llama()))
    assert 0 < kept.step == len(kept.log) == made.step
    assert all(torch.isfinite(each).all() for each in (*weights(kept), *weights(made)))


def test_a_loss_that_is_not_finite_before_any_state_was_saved_speaks_of_none(tmp_path):
    made = Run(tmp_path, Learner(llama()), steps(rows(4), 100), 4 * EPOCH, falling_rate(1e30, 1, 0.3))
    with pytest.raises(UsageError, match=r"\(--learning-rate\)$"):
        made.train()


def test_what_accelerate_is_told_of_accumulation_changes_nothing(tmp_path):
    plain = run(tmp_path / "plain")
    told = run(tmp_path / "told", accelerator=Accelerator(cpu=True, gradient_accumulation_steps=4))
    plain.train()
    told.train()
    assert all(map(torch.equal, weights(plain), weights(told)))


def test_the_config_that_is_saved_keeps_its_dropout(tmp_path):
    model = gpt2()
    made = run(tmp_path, learner=Learner(model), held_out=HELD_OUT)
    made.train()
    made.measure()
    assert model.config.resid_pdrop == 0.1


def test_a_model_stays_on_the_device_that_it_was_loaded_to(tmp_path, monkeypatch):
    accelerator = Accelerator(cpu=True)
    monkeypatch.setattr(accelerator.state, "device", torch.device("meta"))  # as cuda:0 is where cuda:1 was asked for
    made = run(tmp_path, accelerator=accelerator)
    assert {each.device.type for each in made.model.parameters()} == {"cpu"}


def test_the_saved_adapter_is_loaded_by_peft_and_begins_another_run(tmp_path):
    made = run(tmp_path)
    made.train()
    save_adapter(made.learner.model, tmp_path / "adapter")
    loaded = PeftModel.from_pretrained(llama(), tmp_path / "adapter")
    assert loaded.peft_config["default"].base_model_name_or_path == "base/name"
    assert len({file.stat().st_mode for file in (tmp_path / "adapter").iterdir()}) == 1
    other = with_adapter(llama(), 4, "base/name")
    load_adapter(other, tmp_path / "adapter")
    for one, saved in zip(Learner(other).trained.values(), weights(made), strict=True):
        torch.testing.assert_close(one, saved, rtol=1e-2, atol=1e-3)
    with pytest.raises(UsageError, match="^cannot begin with the adapter"):
        load_adapter(with_adapter(llama(), 8, "base/name"), tmp_path / "adapter")
    ids, trained = torch.arange(30)[None], made.learner.model.eval()
    trained.get_base_model().set_attn_implementation("sdpa")
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids).logits, trained(ids).logits, atol=0.05, rtol=0.05)


PROCESS = """
import json, os, sys
from pathlib import Path
import pytest
import torch
from moss_agent.errors import UsageError
from moss_agent.training import run as running
from moss_agent.training.processes import first_holds
from moss_agent.training.run import steps
from moss_agent.training.sharding import shard
from moss_agent.training.state import holding
from tests.training.test_run import HELD_OUT, SHARED, rows, run, weights
torch.set_num_threads(1)
out = Path(sys.argv[1])
made = run(out / "two", held_out=HELD_OUT)
rank, found = made.accelerator.process_index, {"processes": made.accelerator.num_processes}
made.train()
if rank == 0:
    torch.save(weights(made), out / "weights.pt")

cut = run(out / "cut")
if rank == 1:
    cut.told = lambda progress: setattr(cut, "stopping", progress.step == 3)
found["stopped"] = not cut.train()
found["step"] = cut.step

running.SAVE_EVERY, running.SAVE_SHARE = 0.0, float("inf")
full = run(out / "full")
if rank == 0:
    full.told = lambda progress: (out / "full" / "state.pt.part").mkdir() if progress.step == 2 else None
with pytest.raises(UsageError) as caught:
    full.train()
found["failed"], found["last"] = str(caught.value), full.step

with first_holds(full.accelerator, holding(out / "full")):
    with pytest.raises(UsageError, match="^another process trains in "):
        with first_holds(full.accelerator, holding(out / "full")):
            pass

def shared(name):
    learner = SHARED[name]()
    shard(learner, torch.device("cpu"), 2)
    return run(out / name, learner=learner, held_out=HELD_OUT)

for name in SHARED:
    stopped = shared(name)
    if rank == 1:
        stopped.told = lambda progress: setattr(stopped, "stopping", progress.step == 3)
    stopped.train()
    again = shared(name)
    found[name] = [again.step, again.train(), sum(each.to_local().numel() for each in weights(again))]

full = shared("all weights")
full.tokens *= 2
full.steps = steps(rows(8), 100)
if rank == 0:
    (out / "all weights" / "state.pt.part").mkdir()
with pytest.raises(UsageError, match="make room, the same command goes on$"):
    full.train()
(out / f"{rank}.json").write_text(json.dumps(found))
os._exit(0)  # as the command line ends: what gloo leaves running may abort the end of Python
"""
HELD_OUT = [pack([conversation(20), conversation(21)])]  # a row for one process, and none for the other


def checkpointed() -> torch.nn.Module:
    """A layer's activations are computed twice; input and output embeddings are the same."""
    model = llama()
    model.config.tie_word_embeddings = True
    model.tie_weights()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    return model


SHARED = {
    "adapter": lambda: Learner(with_adapter(llama(), 4, "base/name")),
    "adapter in bf16": lambda: Learner(with_adapter(llama().bfloat16(), 4, "base/name"), torch.bfloat16),
    "all weights": lambda: Learner(llama()),
    "all weights, from 16 bits": lambda: Learner(moss().bfloat16()),
    "computed twice": lambda: Learner(checkpointed()),
}


def in_two_processes(tmp_path: Path) -> list[dict]:
    """Run PROCESS; return what each process has found."""
    script = tmp_path / "process.py"
    script.write_text(PROCESS)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [*command, str(script), str(tmp_path)], cwd=ROOT, capture_output=True, text=True, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]


def test_two_processes_learn_what_one_does_and_stop_and_fail_together(tmp_path):
    found = in_two_processes(tmp_path)
    made = run(tmp_path / "one", held_out=HELD_OUT)
    made.train()
    for one, other in zip(weights(made), torch.load(tmp_path / "weights.pt"), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    logged = [json.loads(line) for line in (tmp_path / "two" / "log.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in logged] == pytest.approx([each.loss for each in made.log], abs=1e-3)
    measured = [each.held_out_loss for each in made.log if each.held_out_loss is not None]
    assert [line["held_out_loss"] for line in logged if "held_out_loss" in line] == pytest.approx(measured, abs=1e-3)
    for each in found:
        assert (each["processes"], each["stopped"], each["step"], each["last"]) == (2, True, 3, 2)
        assert each["failed"].endswith("make room, the same command goes on")
    for name, build in SHARED.items():
        check_shared(tmp_path / name, build, [each[name] for each in found])


def check_shared(out: Path, build: Callable[[], Learner], found: list[list[int]]) -> None:
    """A run of two processes that shared the model out, stopped and went on, is that of one with the whole model."""
    learner = build()
    for parameter in learner.trained.values():
        parameter.data = parameter.data.float()
    alone = run(out / "alone", learner=learner, held_out=HELD_OUT)
    alone.train()
    assert [each[:2] for each in found] == [[3, True]] * 2
    kept = sum(each.numel() for each in weights(alone))
    assert sum(each[2] for each in found) == kept and all(0.4 * kept < each[2] < 0.6 * kept for each in found)
    one, two = (torch.load(folder / "state.pt") for folder in (out / "alone", out))
    assert one["weights"].keys() == two["weights"].keys()
    for name, whole in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], whole, rtol=1e-3, atol=1e-4)
    for place, moments in one["optimizer"]["state"].items():
        for name, whole in moments.items():
            torch.testing.assert_close(two["optimizer"]["state"][place][name], whole, rtol=1e-2, atol=1e-4)
    assert [each["loss"] for each in two["log"]] == pytest.approx([each.loss for each in alone.log], abs=1e-3)
    measured = [each["held_out_loss"] for each in two["log"] if each["held_out_loss"] is not None]
    assert measured[-1] == pytest.approx(alone.measure()[0], abs=1e-3)
    assert run(out, learner=build(), held_out=HELD_OUT).is_done  # one process goes on with what two wrote
