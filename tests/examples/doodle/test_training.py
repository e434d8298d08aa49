"""The pipeline's training, from a package of drawings to a pipeline that draws: few drawings, few steps."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderDC, PRXPipeline
from hypothesis import given
from hypothesis import strategies as st

from examples.doodle import (
    autoencoder,
    components,
    denoiser,
    drawings,
    latents,
    make,
    measure,
    network,
    pipeline,
    scenes,
    words,
)
from examples.doodle.scenes import Scene, Thing
from tests.examples.doodle.package import NAMES

STEPS = 4
pytestmark = pytest.mark.slow


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training of a minute, not of hours, and a measure of few drawings."""
    monkeypatch.setattr(components, "SCENES", 40)
    monkeypatch.setattr(latents, "COMPOSED", 30)
    monkeypatch.setattr(denoiser, "BATCH", 4)
    monkeypatch.setattr(denoiser, "CHECKPOINT_EVERY", 2)
    monkeypatch.setattr(measure, "NAMES", 4)
    monkeypatch.setattr(measure, "SEEDS", (1, 2))
    monkeypatch.setattr(measure, "SHEET", (3, 2))


def test_the_encoder_gives_the_components(run: Path, pictures: drawings.Drawings, small: None) -> None:
    found = components.components(run, pictures)
    images = next(autoencoder.batches(pictures, random.Random(1)))
    half = torch.nn.functional.avg_pool2d(images, 2)
    with torch.no_grad():
        made = autoencoder.autoencoder(found)
        encoded = made.encode(images).latent
    torch.testing.assert_close(encoded, found.latents(half), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(components.components_of(made).latents(half), encoded, atol=1e-3, rtol=1e-3)


def test_a_run_that_was_interrupted_goes_on_as_if_it_was_not(
    run: Path, pictures: drawings.Drawings, small: None
) -> None:
    whole = denoiser.Run(run, STEPS)
    assert whole.step == 0
    whole.train()
    (run / denoiser.STATE).unlink()
    first = denoiser.Run(run, STEPS)
    for _ in range(2):
        first._one_step()
    first._save()
    second = denoiser.Run(run, STEPS)
    assert second.step == 2
    second.train()
    for one, other in zip(whole.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_examples_made_with_other_words_are_not_used(run: Path, pictures: drawings.Drawings, small: None) -> None:
    latents.examples(run, pictures)
    with pytest.raises(SystemExit, match="made with other words: delete it"):
        latents.examples(run, {**pictures, "zebra": pictures["fox"]})


def test_only_learned_tokens_are_trained() -> None:
    said, learned = latents.tokens_of(["tiny foxes, 狐狸", "small fox, fox"], NAMES)
    assert torch.equal(said, learned)


@given(st.integers(0, 10**6))
def test_a_stray_word_leaves_the_others_in_their_order(seed: int) -> None:
    numbers = words.vocabulary(NAMES)
    tokens = latents.tokens_of(["fox next to owl", "cat", ""], NAMES).long()
    strayed = denoiser.with_stray(tokens, numbers, torch.Generator().manual_seed(seed))
    for before, after in zip(tokens.tolist(), strayed.tolist(), strict=True):
        assert [token for token in after if token != numbers[words.UNKNOWN]] == before[:-1]
        assert 0 < after.index(numbers[words.UNKNOWN]) < after.index(numbers[words.END])


def test_a_run_begins_with_the_weights_of_a_pipeline(
    run: Path, pictures: drawings.Drawings, small: None, tmp_path: Path
) -> None:
    first = denoiser.Run(run, STEPS)
    first.train()
    autoencoder.autoencoder(components.components(run, pictures)).save_pretrained(run / "vae")
    pipeline.assembled(run, list(pictures)).save_pretrained(tmp_path / "made")
    package = next(run.glob("*.tgz"))
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / package.name).symlink_to(package)
    second = denoiser.Run(tmp_path / "second", STEPS, tmp_path / "made")
    assert second.step == 0
    torch.testing.assert_close(second.data["latents"][:5], first.data["latents"][:5], atol=1e-2, rtol=1e-2)
    for one, other in zip(second.model.parameters(), first.average.parameters(), strict=True):
        assert torch.equal(one, other)
    second._one_step()
    second._save()
    again = denoiser.Run(tmp_path / "second", 2 * STEPS, tmp_path / "is not read again")
    assert (again.step, again.steps) == (1, STEPS)


def test_of_a_pipeline_the_words_are_taken_that_are_learned_here_too(tmp_path: Path) -> None:
    fewer = ["cat", "owl"]
    before = network.Denoiser(len(words.learned(fewer)))
    before.text_encoder.save_pretrained(tmp_path / "text_encoder")
    before.transformer.save_pretrained(tmp_path / "transformer")
    words.tokenizer(fewer).save_pretrained(tmp_path / "tokenizer")
    model = network.Denoiser(len(words.learned(NAMES)))
    first = model.text_encoder.shared.weight.clone()
    model.load_pipeline(tmp_path, words.learned(NAMES))
    for word, number in words.vocabulary(NAMES).items():
        if word in words.learned(fewer):
            taken = before.text_encoder.shared.weight[words.vocabulary(fewer)[word]]
            assert torch.equal(model.text_encoder.shared.weight[number], taken)
        elif word in NAMES:
            assert torch.equal(model.text_encoder.shared.weight[number], first[number])


def test_the_text_encoder_begins_by_telling_the_first_of_two_things_from_the_second() -> None:
    tokenizer = words.tokenizer(NAMES)
    tokens = tokenizer(["fox and owl"], return_tensors="pt")
    encoder = network.Denoiser(len(tokenizer)).text_encoder
    encoder.set_attn_implementation("eager")
    heads = encoder(**tokens, output_attentions=True).attentions[0][0]  # heads x words x words
    before, _, both_before, both_after = heads[:, 3]  # where "owl" looks
    _, after, fox_before, fox_after = heads[:, 1]  # where "fox" looks
    assert before.argmax() == after.argmax() == 2
    assert both_before[:3].sum() > 0.7 and fox_before[:1].sum() > 0.5
    assert both_after[4:].sum() > 0.7 and fox_after[2:].sum() > 0.7


def test_one_call_makes_the_pipeline_and_what_it_can_be_asked_for(
    run: Path, pictures: drawings.Drawings, small: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(autoencoder, "STEPS", 2)
    package = next(run.glob("*.tgz"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / package.name).symlink_to(package)
    make.make(tmp_path / "run", tmp_path / "made", steps=1)
    things = (tmp_path / "made" / "things.txt").read_text(encoding="utf-8").split("\n")
    assert things[: len(NAMES)] == NAMES and "狐狸" in things
    pipe = PRXPipeline.from_pretrained(tmp_path / "made", dtype=torch.float32)
    assert pipe.tokenizer.get_vocab() == words.vocabulary(NAMES)


def test_an_autoencoder_that_was_not_kept_whole_is_trained_anew(
    run: Path, pictures: drawings.Drawings, small: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(_: AutoencoderDC, folder: Path) -> None:
        folder.mkdir()
        raise KeyboardInterrupt

    package = next(run.glob("*.tgz"))
    (tmp_path / package.name).symlink_to(package)
    monkeypatch.setattr(autoencoder, "STEPS", 1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(AutoencoderDC, "save_pretrained", stop)
        autoencoder.make(tmp_path)
    assert not (tmp_path / "vae").exists()
    autoencoder.make(tmp_path)
    AutoencoderDC.from_pretrained(tmp_path / "vae")


def test_the_parts_make_a_pipeline_that_draws_what_is_measured(
    run: Path, pictures: drawings.Drawings, small: None, tmp_path: Path
) -> None:
    if not (run / denoiser.STATE).exists():
        denoiser.Run(run, STEPS).train()
    autoencoder.autoencoder(components.components(run, pictures)).save_pretrained(run / "vae")
    pipe = pipeline.assembled(run, list(pictures))
    numbers = words.vocabulary(list(pictures))
    embeddings = pipe.text_encoder.get_input_embeddings().weight
    assert torch.equal(embeddings[numbers["foxes"]], embeddings[numbers["fox"]])
    pipe.set_progress_bar_config(disable=True)
    drawn = pipe(
        "a fox",
        num_inference_steps=measure.STEPS,
        guidance_scale=measure.GUIDANCE,
        generator=torch.Generator().manual_seed(3),
        use_resolution_binning=False,
        skip_text_cleaning=True,
        output_type="np",
    ).images[0]
    measured = measure.Measure(pipe, pictures, components.components(run, pictures))
    many = measured.draw(["an owl", "a fox"], seed=3)[1]
    np.testing.assert_allclose(drawn, (many.permute(1, 2, 0) + 1) / 2, atol=2e-3)
    assert measured.sheet().size == (3 * drawn.shape[1], 2 * drawn.shape[0])
    for scenes_of_a_kind in measured.kinds().values():
        things = sum(len(scene.things) for scene in scenes_of_a_kind)
        for places in measured.ranks(scenes_of_a_kind):
            assert len(places) == 2 * things > 0
            assert places.min() >= 0 and places.max() < len(NAMES)


def test_each_of_two_things_is_looked_for_in_its_half(run: Path, pictures: drawings.Drawings, small: None) -> None:
    measured = measure.Measure(None, pictures, components.components(run, pictures))  # nothing is drawn
    scene = Scene((Thing("owl"), Thing("cat")), relation="and")
    pixels = components.as_tensor([scenes.picture(scene, pictures)])
    latents = measured.found.latents(pixels)
    for number, (own, other) in enumerate((("owl", "cat"), ("cat", "owl"))):
        for seen, every in zip((pixels, latents), measured.references(scene, number), strict=True):
            there = measure.part(seen, scene, number)
            assert measure.rank(there, every, measured.names.index(own)) == 0
            assert measure.rank(there, every, measured.names.index(other)) > 0
