"""The first page of the report: what of a study is told, and names that are no markup."""

from __future__ import annotations

from pathlib import Path

from palimpsest.report import first_page
from palimpsest.study.load import load_study
from palimpsest.study.told import settings

CONFIG = Path(__file__).parents[2] / "config"


def of(**changes) -> dict:
    study = load_study({"study": "people", **changes}, CONFIG)
    return {one.key: one for one in settings(study)}


def test_every_setting_is_told_once_with_its_meaning():
    told = of()
    assert (told["track"].value, told["track"].given) == ("causal", True)
    assert (told["requests"].value, told["requests"].given) == ("all", False)
    assert told["model.config.n_layer"].value == "2" and told["sharding"].value == "[1x1, 3x1]"
    assert told["options.npo.retain_weight"].value == "4.0"
    assert told["training.epochs"].means.startswith("Passes over")
    assert told["mirror"].value == "null" and len(told) > 60
    assert not any("\n" in text for one in told.values() for text in (one.value, one.means))


def test_a_changed_default_is_no_default():
    assert not of()["training.weight_decay"].given
    changed = of(training={"weight_decay": 0.25})["training.weight_decay"]
    assert (changed.value, changed.given) == ("0.25", True)


def test_the_salt_is_kept_back():
    """Who knows it can tell in which shards owners lie, and a report is passed on."""
    told = of(salt="hush")
    assert "kept back" in told["salt"].value
    assert not any("hush" in text for one in told.values() for text in one[:2])


def test_names_and_values_are_no_markup():
    page = first_page.settings({"<s>": [("<k>", "<v>", True, "<m> `c`")]})
    for name in "skvm":
        assert f"<{name}>" not in page and f"&lt;{name}&gt;" in page
    found = first_page.found({"<s>": "<p>told</p>"}, ["Tables"])
    assert "<h2>Study &lt;s&gt;</h2>\n<p>told</p>" in found
