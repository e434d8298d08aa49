"""Text2Image("description"): pictures drawn by the small pipeline that comes along, or by any that diffusers loads.

    [plugins.text_to_image]
    pipeline = "stabilityai/sd-turbo"    # a name on the hub, or a local pipeline folder; else the bundled "doodle"
    revision = "main"                    # of the hub's repository
    steps = 2                            # this and the next two: without them what suits the pipeline's family
    guidance = 0.0
    size = "512x512"                     # width x height
    negative = "blurry"                  # what should not be in the picture
    count = 1                            # pictures of every description, with seeds one after another
    seed = 7                             # without it a new one for each call
    directory = "images"
    device = "auto"                      # as of the language model: auto, cpu, cuda, cuda:1, mps
    dtype = "auto"                       # auto, fp32, fp16, bf16
    time_limit = 600                     # seconds for one picture, loading not counted
    keep = 300                           # seconds after which an unused pipeline is released

The way of a call is `text_to_image`. Weights are read from safetensors only, and code that a pipeline brings
along is never run. Not covered: LoRA, several GPUs for one pipeline, fetching only the 16-bit variant of the weights.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from moss_agent.errors import PluginError
from moss_agent.events import Picture
from moss_agent.plugin_host import plugin, report

from ._drawing import Steps, draw
from ._files import save, writable
from ._pipeline_queue import queue, release
from ._request import SEEDS, Request, seed_or_new

TIMEOUT = 600.0  # seconds without a sign of life: one step, or loading


@plugin(
    "Text2Image",
    label="Text-to-image",
    description="Draw a picture and show it to the person.",
    effects={"files"},
    timeout=TIMEOUT,
    release=release,
    extra="images",
)
def text_to_image(
    description: Annotated[str, "what the picture shows, in English, in a few plain words"],
    *,
    pipeline: str = "doodle",
    revision: str = "",
    steps: int | None = None,
    guidance: float | None = None,
    size: str = "",
    negative: str = "",
    count: int = 1,
    seed: int | None = None,
    directory: str = "images",
    device: str = "auto",
    dtype: str = "auto",
    time_limit: float = 600.0,
    keep: float = 300.0,
) -> list[Picture]:
    """Draw the description; the settings are those of the module's docstring, None and "" mean the default.

    The same pipeline, description and settings with the same seed give the same files on the same machine.
    If one of several fails, those before it are returned, the last with the reason among its notices.
    Raises PluginError or UsageError, saying in one line what to do.
    """
    report(0, 0)  # from now on the call can be given up
    request = Request(description, pipeline, revision, steps, guidance, size, negative, count, device, dtype)
    first = seed_or_new(seed)
    pictures: list[Picture] = []
    with queue(device, keep).turn() as place:
        folder = writable(directory)  # better to fail before minutes of drawing than after
        for number in range(count):
            try:
                drawing = draw(place, request, (first + number) % SEEDS, Steps(number, count, time_limit))
                path = save(drawing.image, folder, request.text, drawing.details)
            except PluginError as error:
                if not pictures:
                    raise
                last = pictures[-1]
                said = f"only {number} of {count} pictures are drawn: {error}"
                pictures[-1] = replace(last, notices=(*last.notices, said))
                break
            pictures.append(Picture(str(path), request.text, drawing.details, drawing.notices))
    return pictures
