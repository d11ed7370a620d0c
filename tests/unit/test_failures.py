"""What jobs that failed say is found in their logs, and said once."""

from __future__ import annotations

from palimpsest.engine.failures import endings

SAID = """Error in rule train:
    jobid: 1
    log: {one} (check log file(s) for error details)
Error in rule train:
    log: {two} (check log file(s) for error details)
    log: {two} (check log file(s) for error details)
Error in rule score:
    log: nowhere.log (check log file(s) for error details)
"""


def write(path, text):
    path.write_text(text)
    return str(path)


def test_a_log_ends_with_the_problems_that_a_step_told(tmp_path):
    """From the last time that it told any; what two jobs say alike is said once."""
    text = "INFO started\npalimpsest train: 1 problem found\n- old\n"
    text += "palimpsest train: 2 problems found\n- a\n- b\n"
    one, two = (write(tmp_path / name, text) for name in ("one.log", "two.log"))
    log = write(tmp_path / "snakemake.log", SAID.format(one=one, two=two))
    assert endings([log]) == {(one, two): "palimpsest train: 2 problems found\n- a\n- b"}


def test_or_with_its_last_lines(tmp_path):
    one = write(tmp_path / "one.log", "\n".join(map(str, range(30))))
    log = write(tmp_path / "snakemake.log", SAID.format(one=one, two="none.log"))
    assert endings([log]) == {(one,): "\n".join(map(str, range(10, 30)))}
    assert endings([]) == {}
