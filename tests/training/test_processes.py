"""How processes that train together are joined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest
from accelerate import Accelerator, DistributedType

from moss_agent.errors import UsageError
from moss_agent.training.processes import first_holds, join_processes, processes_here

pytestmark = pytest.mark.slow  # importing accelerate takes seconds


@pytest.mark.parametrize("kind", [DistributedType.FSDP, DistributedType.DEEPSPEED])
def test_what_accelerate_would_share_out_is_refused(monkeypatch: pytest.MonkeyPatch, kind: DistributedType) -> None:
    monkeypatch.setattr(Accelerator, "distributed_type", kind)
    with pytest.raises(UsageError, match=f"^training does not work with {kind.value} of accelerate: .* give --shard$"):
        join_processes(on_cpu=True)


@pytest.mark.skipif(find_spec("deepspeed") is not None, reason="it is installed")
def test_what_accelerate_is_configured_for_and_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(
        UsageError, match="^training does not work with what accelerate is configured for: start .* give --shard$"
    ):
        join_processes(on_cpu=True)


def test_a_process_alone_has_the_machine_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    accelerator = join_processes(on_cpu=True)
    assert accelerator.num_processes == processes_here(accelerator) == 1
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert processes_here(accelerator) == 4


@contextmanager
def refused() -> Iterator[None]:
    raise UsageError("it is held")
    yield


def test_the_first_process_alone_holds_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the others fail with it: test_run.py."""
    accelerator = join_processes(on_cpu=True)
    with pytest.raises(UsageError, match="^it is held$"), first_holds(accelerator, refused()):
        pytest.fail("it goes on")
    monkeypatch.setattr(Accelerator, "is_main_process", False)
    with first_holds(accelerator, refused()):
        pass
