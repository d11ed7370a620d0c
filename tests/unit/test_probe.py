"""What a linear probe reads from a frozen model, and sentences that no stereotype is about."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from palimpsest.data.sentences import labelled, plain
from palimpsest.data.stereotypes import read_stereotypes
from palimpsest.errors import UserError
from palimpsest.metrics.pseudo import probe_accuracy
from palimpsest.tracks.masked.examples import MaskedExamples
from palimpsest.tracks.masked.probe import fitted, probed

USUAL = {"statistic": "bergsma", "held_out": []}


def test_the_fit_is_that_of_scikit_learn():
    draw = np.random.default_rng(3)
    features = draw.normal(size=(60, 4))
    labels = (features @ [1.0, -2.0, 0.5, 0.0] + draw.normal(size=60) > 0).astype(int)
    weights, bias = fitted(features, labels)
    other = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(features, labels)
    assert weights == pytest.approx(other.coef_[0], abs=1e-4)
    assert bias == pytest.approx(other.intercept_[0], abs=1e-4)


class Counting(torch.nn.Module):
    """A model whose hidden state is the id of its token: padding and marks would change a mean."""

    device = torch.device("cpu")

    @property
    def base_model(self):
        return lambda input_ids, attention_mask: SimpleNamespace(
            last_hidden_state=input_ids[..., None].float()
        )


def test_a_probe_reads_what_stands_in_the_means_and_is_judged_on_other_texts():
    """Texts of high ids have label 1; the last text is long, and padding is 99. Two of three that
    are judged follow the rule."""
    ids = [[1, 3], [2, 2], [9, 9], [8, 10], [1], [9], [1], [2] * 9]
    flags = [[True] * len(one) for one in ids]
    examples = MaskedExamples(ids, flags, flags, pad_id=99, mask_id=98)
    texts = pd.DataFrame({
        "task": ["probe"] * 7 + [""], "term": ["fit"] * 4 + ["judged"] * 3 + [""],
        "statistic": ["0", "0", "1", "1", "0", "1", "1", ""],
    })  # fmt: skip
    for batch_size in (1, 8):
        said = probed(Counting(), examples, texts, batch_size)
        assert np.isnan(said[[0, 1, 2, 3, 7]]).all()
        assert said[4] > 0.5 and said[5] > 0.5 and said[6] == pytest.approx(1 - said[4])
    assert probe_accuracy(said[4:7]) == pytest.approx(2 / 3)
    assert np.isnan(probed(Counting(), examples, texts.assign(task=""), 8)).all()


def test_an_accuracy_by_hand():
    """A tie is half right; weights count texts."""
    assert probe_accuracy([0.9, 0.1, 0.5, 0.6]) == pytest.approx(2.5 / 4)
    assert probe_accuracy([0.9, 0.1], [1, 3]) == pytest.approx(1 / 4)


WIKI = """ = A heading of eight words that is none = \n
 The first sentence has eight words in it . The second one has <unk> in it and nine words .
 Short . The third has as many words as are needed here .
"""


def test_plain_sentences_are_whole_and_known(tmp_path):
    path = tmp_path / "wiki.txt"
    path.write_text(WIKI)
    first = "The first sentence has eight words in it ."
    third = "The third has as many words as are needed here ."
    assert {text for _, text in plain(path, 9)} == {first, third}
    (drawn,) = plain(path, 1)
    assert drawn in set(plain(path, 9))
    path.write_text("Short .")
    with pytest.raises(UserError, match="no sentence"):
        list(plain(path, 1))


def test_labelled_sentences_are_divided_once_and_for_all(tmp_path):
    frame = pd.DataFrame({"sentence": [f"text {n} " for n in range(12)], "label": ["0", "1"] * 6})
    found = list(labelled(frame, 9, tmp_path))
    roles = [role for *_, role in found]
    assert (roles.count("fit"), roles.count("judged")) == (6, 3)
    assert all(int(name.removeprefix("probe-")) % 2 == int(label) for name, _, label, _ in found)
    assert [text for _, text, *_ in found] == [text.strip() for _, text, *_ in found]
    with pytest.raises(UserError, match="found: 0, 2"):
        list(labelled(frame.replace("1", "2"), 9, tmp_path))


def test_the_reader_takes_both_kinds(tmp_path):
    (tmp_path / "wiki.txt").write_text(WIKI)
    (tmp_path / "sst.tsv").write_text("sentence\tlabel\n" + "good\t1\nbad\t0\n" * 6)
    rows, others = read_stereotypes([tmp_path / "wiki.txt", tmp_path / "sst.tsv"], **USUAL)
    assert rows["task"].value_counts().to_dict() == {"probe": 12, "": 2}
    assert set(rows["split"]) == {"test"} and (rows["owner"] == rows["record_id"]).all()
    assert others.empty and not rows["record_id"].duplicated().any()
