"""The real plugin in an agent's turn: from the model's command and the settings to pictures for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moss_agent import Runtime
from moss_agent.dialects.moss import MossDialect
from moss_agent.events import CallFinished, CallProgress, Notice, to_json
from moss_agent.plugin_host import PluginRunner, discover
from moss_agent.session import Sampling
from tests.scripted import ScriptedModel

pytestmark = pytest.mark.slow


def test_pictures_of_a_turn(tmp_path: Path) -> None:
    table = {"steps": 2, "seed": 4, "directory": str(tmp_path / "drawn")}
    runner = PluginRunner([discover()["Text2Image"]], {"text_to_image": table})
    commands = ' Text2Image("a fox reading"), Text2Image("quantum fields"), Text2Image("an owl")<eoc>'
    model = ScriptedModel([" x<eot>", commands, " Here.<eom>"])
    chat = Runtime(MossDialect(model, "", Sampling()), runner).chat()
    events = list(chat.stream("Draw!"))
    reply = events[-1]

    fox, owl = reply.images
    assert [image.description for image in reply.images] == ["a fox reading", "an owl"]
    assert all(Path(image.path).parent == tmp_path / "drawn" for image in reply.images)
    assert (fox.details["pipeline"], fox.details["seed"], owl.details["steps"]) == ("doodle", 4, 2)
    unknown = "the pipeline doodle does not know and leaves out: reading"
    assert fox.notices == (unknown,) and unknown in [e.message for e in events if isinstance(e, Notice)]
    drawn = "Image generated successfully."
    assert [call.result for call in reply.calls] == [drawn, "No result.", drawn]
    assert "knows nothing that it could draw in quantum, fields" in reply.calls[1].error
    told = model.text.partition("<|Results|>:")[2]
    assert "drawn" not in told and "quantum, fields" not in told and told.count(drawn) == 2

    progress = [event for event in events if isinstance(event, CallProgress) and event.total]
    assert {(e.index, e.done, e.total) for e in progress} == {(0, 1, 2), (0, 2, 2), (2, 1, 2), (2, 2, 2)}
    assert all(e.preview.startswith("data:image/png;base64,") for e in progress)
    finished = {e.index: e.call for e in events if isinstance(e, CallFinished)}
    assert finished[0].images == (fox,) and finished[1].images == ()
    json.dumps([to_json(event) for event in events])
