from __future__ import annotations

import threading

import pytest

from moss_agent.cancellation import Cancellation
from moss_agent.errors import Cancelled


def test_it_wakes_a_thread_that_waits():
    token, woken = Cancellation(), []
    thread = threading.Thread(target=lambda: woken.append(token.wait(60)))
    thread.start()
    token.cancel()
    thread.join()
    assert woken == [True]


def test_callbacks_run_once_and_only_while_their_block_runs():
    token, ran = Cancellation(), []
    with token.calling(lambda: ran.append("ended before")):
        pass
    with token.calling(lambda: ran.append("running")):
        token.cancel()
        token.cancel()
    with token.calling(lambda: ran.append("after")):
        pass
    assert ran == ["running", "after"]


def test_check_raises_only_after_cancelling():
    token = Cancellation()
    token.check()
    token.cancel()
    with pytest.raises(Cancelled, match="cancelled"):
        token.check()
