"""Atomic writes: whole or not at all, whatever ends the writer; and what a broken file is told
as."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys

import pytest

from palimpsest.errors import UserError, problem_of_system
from palimpsest.files import naming, read_json, replacing, replacing_files, write_json, write_text

KILLED = """
import os, signal, sys
from pathlib import Path
from palimpsest.files import replacing, replacing_files
with {kind}(Path(sys.argv[1])) as beside:
    target = beside / "config.json" if beside.is_dir() else beside
    target.write_text("half")
    os.kill(os.getpid(), signal.{name})
"""


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run(code: str, *arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        **options,
    )


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_a_writer_that_is_killed_leaves_the_old_file_and_the_next_one_cleans_up(name, tmp_path):
    path = tmp_path / "a.json"
    write_text(path, "old")
    assert run(KILLED.format(kind="replacing", name=name), path).returncode == -getattr(
        signal, name
    )
    assert path.read_text() == "old" and len(names(tmp_path)) == 2, "what it had begun lies beside"
    write_text(tmp_path / "b.json", "another file")
    assert len(names(tmp_path)) == 3, "only the writer of the same file cleans up"
    write_text(path, "new")
    assert names(tmp_path) == ["a.json", "b.json"] and path.read_text() == "new"


def test_the_same_for_a_folder_of_files(tmp_path):
    with replacing_files(tmp_path) as beside:
        (beside / "config.json").write_text("old")
    run(KILLED.format(kind="replacing_files", name="SIGKILL"), tmp_path)
    assert (tmp_path / "config.json").read_text() == "old" and len(names(tmp_path)) == 2
    with replacing_files(tmp_path) as beside:
        (beside / "config.json").write_text("new")
    assert names(tmp_path) == ["config.json"] and (tmp_path / "config.json").read_text() == "new"


def test_what_another_process_that_is_alive_writes_is_left_alone(tmp_path):
    beside = tmp_path / f".a.json.{os.getppid()}.part"
    beside.write_text("at work")
    write_text(tmp_path / "a.json", "mine")
    assert beside.read_text() == "at work"


def test_a_name_with_special_characters_cleans_up_its_own_only(tmp_path):
    """'[ab].json' as a pattern would be 'a.json' and 'b.json'."""
    (tmp_path / ".a.json.999999999.part").write_text("")
    (tmp_path / ".[ab].json.999999999.part").write_text("")
    write_text(tmp_path / "[ab].json", "x")
    assert names(tmp_path) == [".a.json.999999999.part", "[ab].json"]


def test_an_error_inside_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), replacing(tmp_path / "a") as beside:
        beside.write_text("half")
        raise KeyError
    with pytest.raises(KeyError), replacing_files(tmp_path) as beside:
        (beside / "half").write_text("half")
        raise KeyError
    assert names(tmp_path) == []


WRITERS = {
    "text": "from palimpsest.files import write_text; write_text(path, 'x' * 200_000)",
    "table": (
        "import numpy, pandas; from palimpsest.data.storage import write_parquet\n"
        "numbers = numpy.random.default_rng(1).normal(size=100_000)\n"
        "write_parquet(pandas.DataFrame({'a': numbers}), path)"
    ),
    "weights": (
        "import torch; from safetensors.torch import save_file\n"
        "from palimpsest.files import replacing\n"
        "with replacing(path) as beside: save_file({'a': torch.zeros(100_000)}, beside)"
    ),
    "state of a training": (
        "import torch; from palimpsest.training.resume import save_state\n"
        "model = torch.nn.Linear(300, 300)\n"
        "save_state(path, 1, 'print', model, torch.optim.AdamW(model.parameters()), {})"
    ),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk(kind, tmp_path):
    """A real failure of write(2), at 100,000 bytes: the file is named, also where a library hides
    the error; the old one stays."""
    code = (
        "from pathlib import Path\nimport sys\npath = Path(sys.argv[1])\ntry:\n    "
        f"exec({WRITERS[kind]!r})\nexcept OSError as error:\n"
    )
    code += (
        "    from palimpsest.errors import problem_of_system\n    print(problem_of_system(error))"
    )
    path = tmp_path / "out"
    if kind != "state of a training":
        path.write_text("old")
    done = run(
        code, path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    )
    assert (
        done.stdout.startswith(str(path))
        and "File too large" in done.stdout
        and "ulimit" in done.stdout
    ), done.stdout + done.stderr
    if kind == "state of a training":
        assert not list(path.glob("step1"))
    else:
        assert path.read_text() == "old" and names(tmp_path) == ["out"]


def test_errors_of_rust_get_their_number_and_others_pass(tmp_path):
    with pytest.raises(OSError) as caught, naming(tmp_path / "a"):
        raise Exception("I/O error: No space left on device (os error 28)")
    told = str(problem_of_system(caught.value))
    assert str(tmp_path / "a") in told and "No space left on device" in told and "make room" in told
    with pytest.raises(ZeroDivisionError), naming(tmp_path / "a"):
        _ = 1 / 0


def test_too_little_memory_is_told():
    assert "not enough memory" in str(problem_of_system(MemoryError()))


def test_equal_values_are_equal_bytes_and_read_back(tmp_path):
    write_json(tmp_path / "a", {"b": 1, "a": [1.5, "ü"]})
    write_json(tmp_path / "b", {"a": [1.5, "ü"], "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() and read_json(
        tmp_path / "a", "a"
    ) == {"b": 1, "a": [1.5, "ü"]}


def test_a_json_cut_anywhere_is_named(tmp_path):
    """The last byte is a line break, which may go; every other prefix is no JSON, or lacks a
    key."""
    path, value = tmp_path / "a.json", {"digest": "ü", "records": 3}
    whole = (json.dumps(value, ensure_ascii=False) + "\n").encode()
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="is damaged") as caught:
            read_json(path, "digest")
        assert str(path) in str(caught.value) and "remove the file" in str(caught.value)
    path.write_bytes(whole)
    assert read_json(path, "digest", "records") == value
    for missing in (tmp_path / "none.json", path):
        with pytest.raises(UserError, match="missing|must hold"):
            read_json(missing, "other")
