"""Numbers of a certificate: as JSON holds them, and as its page shows them."""

from __future__ import annotations

import numpy as np
import pytest
from filing import certificate
from stepping import DESCRIBED

from palimpsest.audit.certificate import against_oracle
from palimpsest.audit.page import page
from palimpsest.files import read_json, write_json
from palimpsest.report.tables import row, table

WHERE = {
    "study": "s",
    "seed": 1,
    "request": "r1",
    "method": "npo",
    "shards": "1x1",
    "model": "gpt2",
}
NONE = (np.nan, np.nan)


@pytest.mark.parametrize(
    ("metric", "value", "interval", "written", "shown"),
    [
        ("probability", 0.25, (0.125, 0.5), (0.25, 0.125, 0.5), "0.250 [0.125, 0.500]"),
        ("probability", 0.25, NONE, (0.25, None, None), "0.250"),
        ("probability", np.nan, NONE, (None, None, None), "–"),
        ("perplexity", np.inf, NONE, ("inf", None, None), "∞"),
        ("perplexity", 2.0, (1.5, np.inf), (2.0, 1.5, "inf"), "2.000 [1.500, ∞]"),
        ("forget_quality", 1e-10, NONE, (1e-10, None, None), "1e-10"),
    ],
)
def test_a_number_is_written_and_shown_though_it_be_infinite_or_none(
    tmp_path, metric, value, interval, written, shown
):
    (told,) = against_oracle(
        [table([row(WHERE, "forget", metric, value, 10, interval)])],
        level=0.95,
        described=DESCRIBED,
    )
    assert tuple(told[end] for end in ("value", "ci_low", "ci_high")) == written
    assert told["n"] == 10
    write_json(tmp_path / "certificate.json", certificate(metrics=[told]))
    assert f"<td>{shown}</td></tr>" in page(
        read_json(tmp_path / "certificate.json"), {metric: "it"}
    )
