"""What a recipe pretrains a masked model on: which tokens are hidden, and what comes of a kill."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stepping import call
from transformers import AutoModelForMaskedLM, AutoTokenizer

from palimpsest.errors import UserError
from palimpsest.models.tokenizers import train_wordpiece
from palimpsest.steps.pretrain import blocks
from palimpsest.tracks.masked.pretraining import hide, marks, objective
from palimpsest.training import loop

LINES = [f"the {who} saw a {what} by the {where}" for who in ("cat", "dog", "hen")
         for what in ("fox", "rat") for where in ("barn", "lake", "road")]  # fmt: skip


@pytest.fixture
def tokenizer():
    return train_wordpiece(LINES, 60, lowercase=True)


def test_a_share_of_the_plain_tokens_of_each_block_is_hidden_and_no_mark():
    """Of 20 plain tokens 3, of 7 one: floor(0.15 n), one at least."""
    rows = np.array([[1, *range(10, 30), 2], [1, *range(10, 17), *[2] * 14]])
    hidden = np.array(hide(rows, [1, 2], "a"))
    assert hidden.sum(axis=1).tolist() == [3, 1]
    assert not hidden[np.isin(rows, [1, 2])].any()
    assert hidden.tolist() == hide(rows, [1, 2], "a") != hide(rows, [1, 2], "b")
    often = np.mean([np.array(hide(rows, [1, 2], n))[0] for n in range(600)], axis=0)
    assert np.abs(often[1:21] - 0.15).max() < 0.06, "each plain token as often as any other"


def test_a_block_of_marks_alone_is_refused():
    with pytest.raises(UserError, match="nothing but marks"):
        hide(np.array([[1, 2]]), [1, 2], "a")


def test_each_epoch_hides_other_tokens_and_a_loss_counts_these_alone(tokenizer):
    made = objective(np.array([tokenizer(LINES[0])["input_ids"]] * 8), tokenizer, "a")
    batches = [made.before(epoch).first.examples.batch(np.arange(8)) for epoch in (0, 1, 1)]
    places = [batch["counted"] for batch in batches]
    assert torch.equal(places[1], places[2]) and not torch.equal(places[0], places[1])
    assert (batches[0]["input_ids"][places[0]] == tokenizer.mask_token_id).all()
    assert torch.equal(
        batches[0]["input_ids"][~places[0]], batches[0]["truth"][~places[0]]
    )  # fmt: skip
    assert places[0].sum() == made.first.examples.counted.sum() == 8


def test_a_block_stands_between_the_marks_of_a_text(tmp_path, tokenizer):
    (tmp_path / "a.txt").write_text("\n".join(LINES))
    (tmp_path / "b.txt").write_text(LINES[0])
    found = blocks([tmp_path / "a.txt", tmp_path / "b.txt"], set(), tokenizer, 10, marks(tokenizer))
    begin, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    plain = [*tokenizer("\n".join(LINES), add_special_tokens=False)["input_ids"], end]
    plain += [*tokenizer(LINES[0], add_special_tokens=False)["input_ids"], end]
    assert found.shape == (len(plain) // 8, 10)
    assert (found[:, 0] == begin).all() and (found[:, -1] == end).all()
    assert found[:, 1:-1].ravel().tolist() == plain[: found.shape[0] * 8]
    with pytest.raises(UserError, match="does not fill a block"):
        blocks([tmp_path / "b.txt"], set(), tokenizer, 2, marks(tokenizer))


def test_a_tokenizer_without_marks_is_refused(tokenizer):
    tokenizer.mask_token = None
    with pytest.raises(UserError, match="wordpiece"):
        marks(tokenizer)


def pretrained(folder, name: str, saved_after: float):
    """The steps, whole, on a small corpus."""
    corpus, start = folder / "corpus.txt", folder / "tokenizer"
    corpus.write_text("\n".join(LINES * 4))
    call("tokenizer", "--corpus", corpus, "--output", start, corpus=[{"path": "corpus.txt"}],
         algorithm="wordpiece", vocab_size=200, lowercase=True)  # fmt: skip
    call(
        "pretrain", "--corpus", corpus, "--tokenizer", start, "--output",
        folder / name, "--code", "c", "--checkpoint-seconds", saved_after,
        name="small", learns="palimpsest.tracks.masked.pretraining", columns=[], tokenizer="words",
        architecture="modernbert", block=16, tokens=26_000, threads=1, gpus=0, precision="no",
        config={"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128,
                "num_attention_heads": 4},
        training={"batch_size": 8, "learning_rate": 3e-3, "warmup_share": 0.05},
    )  # fmt: skip
    return AutoModelForMaskedLM.from_pretrained(folder / name)


def test_a_masked_recipe_learns_and_goes_on_after_a_kill_in_the_middle_of_an_epoch(
    tmp_path, monkeypatch
):
    whole = pretrained(tmp_path, "whole", 1e6)
    loaded = AutoTokenizer.from_pretrained(tmp_path / "whole")
    given = loaded("the cat [MASK] a fox", return_tensors="pt")
    place = given["input_ids"][0].tolist().index(loaded.mask_token_id)
    said = whole(**given).logits[0, place].argmax()
    assert loaded.decode(said).strip() == "saw"
    original, updates = loop._Update.made, []

    def update(*arguments):
        if len(updates) == 7:
            raise KeyboardInterrupt
        updates.append(1)
        return original(*arguments)

    monkeypatch.setattr(loop._Update, "made", update)
    with pytest.raises(KeyboardInterrupt):
        pretrained(tmp_path, "killed", 1e-6)
    counted = []
    monkeypatch.setattr(loop._Update, "made", lambda *given: counted.append(1) or original(*given))
    again = pretrained(tmp_path, "killed", 1e6)
    report = (tmp_path / "killed/training.json").read_text()
    assert f'"steps": {len(counted) + 7}' in report, "it went on, it did not begin again"
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
