"""Which blocks of weights were changed, and which variants of PCGU a study sets side by side."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from test_wants import purge

from palimpsest.report.blocks import COLUMNS, changed_blocks, layers_in_order, place_of
from palimpsest.study.load import check_study
from palimpsest.study.study import Study
from palimpsest.study.wants import WANTS, figures
from palimpsest.study.wants.blocks import changed_files, directions, partitions

STUDIES = Path(__file__).resolve().parents[2] / "config" / "studies"
PRONOUNS = yaml.safe_load((STUDIES / "pronouns.yaml").read_text())


@pytest.mark.parametrize(
    ("tensor", "layer", "kind"),
    [
        ("model.embeddings.tok_embeddings.weight", "embeddings", "tok_embeddings"),
        ("model.layers.11.attn.Wqkv.weight", "11", "attn.Wqkv"),
        ("model.layers.0.mlp_norm.bias", "0", "mlp_norm"),
        ("model.final_norm.weight", "head", "final_norm"),
        ("decoder.bias", "head", "decoder"),
        ("bert.embeddings.LayerNorm.weight", "embeddings", "LayerNorm"),
        ("bert.encoder.layer.3.attention.self.query.bias", "3", "attention.self.query"),
        ("cls.predictions.bias", "head", "predictions"),
        ("transformer.wte.weight", "embeddings", "wte"),
        ("transformer.h.2.mlp.c_fc.weight", "2", "mlp.c_fc"),
        ("albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight", "0", "ffn"),
        ("embed.0", "embeddings", "0"),
    ],
)
def test_a_tensor_says_its_layer_and_its_kind(tensor, layer, kind):
    assert place_of(tensor) == (layer, kind)


def test_layers_are_in_the_order_of_the_model():
    found = layers_in_order(["head", "10", "2", "embeddings", "2"])
    assert found == ["embeddings", "2", "10", "head"]


def test_weight_and_bias_are_counted_together_and_a_report_without_notes_not_at_all():
    blocks = [
        {"tensor": "layers.0.mlp.weight", "changed": 3, "blocks": 8},
        {"tensor": "layers.0.mlp.bias", "changed": 1, "blocks": 1},
        {"tensor": "layers.1.mlp.weight", "changed": 0, "blocks": 8},
    ]
    names = ["study", "2", "pcgu", "r1"]
    reports = [{"names": names, "noted": {"blocks": blocks, "pairs": 4}}, {"names": names}]
    found = changed_blocks(reports)
    assert found.to_numpy().tolist() == [
        ["2", "pcgu", "0", "mlp", 4, 9], ["2", "pcgu", "1", "mlp", 0, 8],
    ]  # fmt: skip
    assert list(changed_blocks([]).columns) == COLUMNS and changed_blocks([]).empty


# --- variants -------------------------------------------------------------------------------------


@pytest.fixture
def make(tmp_path, monkeypatch):
    """A study like pronouns with these options of PCGU and of its variants."""
    monkeypatch.chdir(tmp_path)

    def made(requests: str = "r1 carter", **options) -> Study:
        lines = ["request owners", *filter(None, requests.split(";"))]
        Path("ledger.tsv").write_text("".join(line.replace(" ", "\t") + "\n" for line in lines))
        names = [f"pcgu-{name}" if name != "pcgu" else name for name in options]
        config = copy.deepcopy(PRONOUNS) | {"ledger": "ledger.tsv"} | {
            "methods": ["base", "oracle", "npo", *names],
            "options": dict(zip(names, options.values(), strict=True)),
        }  # fmt: skip
        return Study(check_study(config, "study.yaml"))

    return made


def test_partitions_differ_in_share_and_aggregation_alone(make):
    """Others move another word, or train longer. The run of all blocks may have a rate of its own;
    of two that differ in their rate alone, it is the one of the rate that most have."""
    study = make(
        pcgu={"learning_rate": 0.03},
        few={"share": 0.01},
        fast={"share": 0.01, "learning_rate": 0.3},
        columns={"share": 0.01, "blocks": "columns"},
        whole={"share": 1.0, "learning_rate": 0.003},
        up={"side": "raise", "share": 0.3},
        long={"epochs": 50, "share": 1.0},
    )
    found = partitions(study)
    told = {"k": None, "learning_rate": 0.03, "whole": False}
    assert found == {
        "pcgu": told | {"blocks": "rows", "share": 0.0865},
        "pcgu-few": told | {"blocks": "rows", "share": 0.01},
        "pcgu-columns": told | {"blocks": "columns", "share": 0.01},
        "pcgu-whole": told
        | {"blocks": "rows", "share": 1.0, "learning_rate": 0.003, "whole": True},
    }


def test_numbers_of_blocks_are_no_shares(make):
    """They have no common order; all blocks end either line."""
    study = make(pcgu={}, some={"share": 0.3}, k={"k": 9}, whole={"share": 1.0})
    assert list(partitions(study)) == ["pcgu", "pcgu-some", "pcgu-whole"]
    study = make(few={"k": 2}, k={"k": 9}, whole={"share": 1.0})
    assert [one["k"] for one in partitions(study).values()] == [2, 9, None]


def test_one_partition_alone_is_no_line(make):
    assert partitions(make(pcgu={}, up={"side": "raise"})) == {}
    assert partitions(make(pcgu={}, fast={"learning_rate": 0.3})) == {}
    assert partitions(make(whole={"share": 1.0}, up={"share": 1.0, "side": "raise"})) == {}
    assert partitions(make()) == directions(make()) == {}


def test_directions_differ_in_side_and_epochs_alone(make):
    options = {"pcgu": {}, "short": {"epochs": 1}, "up": {"side": "raise"}, "few": {"share": 0.01}}
    found = directions(make(**options))
    assert {name: (one["side"], one["epochs"]) for name, one in found.items()} == {
        "pcgu": ("lower", 5), "pcgu-short": ("lower", 1), "pcgu-up": ("raise", 5),
    }  # fmt: skip
    assert directions(make(pcgu={}, few={"share": 0.01})) == {}


def test_where_is_shown_of_one_model_of_each_aggregation_and_side(make):
    """That leaves some blocks alone; where none does, of those that leave none."""
    study = make(
        whole={"share": 1.0}, few={"share": 0.01}, pcgu={}, up={"side": "raise"},
        columns={"blocks": "columns"}, short={"epochs": 1, "blocks": "columns"},
    )  # fmt: skip
    names = [path.split("/")[-3] for path in changed_files(study)]
    assert names == ["pcgu-few", "pcgu-up", "pcgu-columns"]
    assert changed_files(study)[0] == "results/pronouns/seed1/methods/pcgu-few/r1/training.json"
    assert len(changed_files(make(whole={"share": 1.0}))) == 1


def test_a_study_has_the_figures_that_it_has_variants_for(make):
    of_bias = {"baselines", "bias_utility", "directions", "domains", "where"}

    def shown(study) -> set[str]:
        return of_bias & set(figures.figure_names(study))

    some = {"pcgu": {}, "few": {"share": 0.01}, "up": {"side": "raise"}}
    assert shown(make(**some)) == of_bias - {"domains"}  # those are of one domain
    assert shown(make(pcgu={})) == {"baselines", "where"}
    assert shown(make()) == {"baselines"}
    assert shown(make("", **some)) == set()  # nothing is forgotten yet


def test_settings_reach_the_figures_that_need_them_and_the_summary(make):
    study = make(pcgu={}, few={"share": 0.01}, up={"side": "raise"})

    def told(figure: str) -> set[str]:
        settings = WANTS["figure"](study).settings(type("W", (), {"figure": figure}))
        return {"partitions", "directions"} & settings.keys()

    assert told("bias_utility") == {"partitions"} and told("directions") == {"directions"}
    assert told("where") == told("baselines") == set()
    tabulate = WANTS["tabulate"](study)
    assert tabulate.settings(None)["partitions"] == partitions(study)
    assert tabulate.arguments(None) == f"--blocks {' '.join(changed_files(study))}"
    alone = WANTS["tabulate"](make(pcgu={})).settings(None)
    assert not {"partitions", "directions"} & alone.keys()
    drawn = WANTS["figure"](study).inputs(type("W", (), {"figure": "where"}))
    assert drawn["training"] == changed_files(study)


def test_what_is_chosen_by_trials_is_known_of_no_variant(make):
    """Where the rate alone is, the share is known; how long it trains is what a budget allows, so
    that it is set beside others of a budget alone."""
    study = make(pcgu={}, few={"share": 0.01}, up={"side": "raise"})
    rate = {"learning_rate": {"low": 0.01, "high": 0.1}}
    study.tuning = {"ranges": {"pcgu-few": rate}}
    assert partitions(study) == {}
    assert list(directions(study)) == ["pcgu", "pcgu-up"]
    study.tuning = {"ranges": {"pcgu": rate, "pcgu-few": rate}}
    assert [(name, one["learning_rate"]) for name, one in partitions(study).items()] == [
        ("pcgu", None), ("pcgu-few", None),
    ]  # fmt: skip
    assert directions(study) == {}
    study.tuning = {"ranges": {"pcgu-few": {"share": [0.01, 0.1]}}}
    assert partitions(study) == {}


def test_where_is_shown_of_a_share_that_trials_chose_too(make):
    """Rather than of all blocks, which says nothing of where they lie."""
    study = make(whole={"share": 1.0}, pcgu={}, up={"side": "raise"})
    study.tuning = {"ranges": {"pcgu": {"share": [0.01, 0.1]}, "pcgu-up": {"side": ["raise"]}}}
    assert [path.split("/")[-3] for path in changed_files(study)] == ["pcgu"]


def test_after_a_purge_the_numbers_are_still_set_side_by_side(make):
    """And the reports are gone, so where the blocks lie is not drawn again."""
    study = purge(make(pcgu={}, few={"share": 0.01}))
    assert changed_files(study) == [] and len(partitions(study)) == 2
    assert {"bias_utility", "baselines"} <= set(figures.figure_names(study))
    assert "where" not in figures.figure_names(study)
