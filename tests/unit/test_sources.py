"""Sources: what is taken from where, what is fetched, and what is said when neither works."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
import types

import pytest

from palimpsest.data.sources import fetch, fetched_name, locate, locate_all
from palimpsest.errors import UserError

URL = {"url": "https://example.org/data/posts.csv?raw=1"}


@pytest.fixture
def root(tmp_path):
    """A working directory with two tables, a hidden file and a mirror that holds one more."""
    inside = (
        "data/b.csv",
        "data/a.csv",
        "data/.hidden",
        "data/deeper/c.csv",
        "mirror/set/posts.csv",
    )
    for name in (*inside, "outside.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text,label\n")
    return tmp_path


def names(paths, root):
    return [path.relative_to(root).as_posix() for path in paths]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data/a.csv", ["data/a.csv"]),
        ("data", ["data/a.csv", "data/b.csv"]),
        ("data/*.csv", ["data/a.csv", "data/b.csv"]),
        ("data/**/*.csv", ["data/a.csv", "data/b.csv", "data/deeper/c.csv"]),
    ],
)
def test_local_paths_are_files_folders_or_globs_in_sorted_order(root, path, expected):
    assert names(locate({"path": path}, None, root), root) == expected
    assert names(locate({"path": str(root / path)}, None, root), root) == expected


def test_a_file_whose_name_looks_like_a_glob_is_that_file(root):
    (root / "data" / "[a].csv").write_text("")
    assert names(locate({"path": "data/[a].csv"}, None, root), root) == ["data/[a].csv"]


def test_what_is_not_here_is_to_be_fetched(root):
    assert locate(URL, None, root) is None
    assert locate({"hub": "owner/set", "mirror": "set/posts.csv"}, None, root) is None


@pytest.mark.parametrize("entry", ["set/posts.csv", "set", "set/*.csv"])
def test_the_mirror_stands_in_for_every_kind_of_source(root, entry):
    for source in (URL, {"hub": "owner/set"}, {"path": "nowhere.csv"}):
        for mirror in ("mirror", str(root / "mirror")):
            assert names(locate({**source, "mirror": entry}, mirror, root), root) == [
                "mirror/set/posts.csv"
            ]


def test_a_local_path_without_mirror_entry_stays_local(root):
    assert names(locate({"path": "data/a.csv"}, "mirror", root), root) == ["data/a.csv"]


@pytest.mark.parametrize("entry", ["../outside.csv", "set/../../outside.csv", "/etc/hostname"])
def test_a_mirror_entry_cannot_lead_out_of_the_mirror(root, entry):
    with pytest.raises(UserError, match="leads out of the mirror folder"):
        locate({**URL, "mirror": entry}, "mirror", root)


@pytest.mark.parametrize(
    ("source", "mirror", "message"),
    [
        ({"path": "data/none.csv"}, None, "no such file or folder"),
        ({"path": "data/*.tsv"}, None, "no such file or folder"),
        ({**URL, "mirror": "set/none.csv"}, "mirror", "below the mirror"),
        ({**URL, "mirror": "set/posts.csv"}, "no-mirror", "not a folder"),
        (URL, "mirror", "nothing is fetched while a mirror is set"),
        ({**URL, "path": "data"}, None, "exactly one of path, url, hub"),
        ({"mirror": "set"}, None, "exactly one of path, url, hub"),
    ],
)
def test_what_cannot_be_found_is_explained_with_a_remedy(root, source, mirror, message):
    with pytest.raises(UserError, match=message) as raised:
        locate(source, mirror, root)
    assert all(problem.remedy for problem in raised.value.problems)


def test_problems_of_all_sources_are_told_together(root):
    sources = [{"path": "gone.csv"}, {"url": "https://example.org/a.csv"}, {"path": "gone too.csv"}]
    with pytest.raises(UserError) as raised:
        locate_all(sources, None, root)
    assert [problem.where for problem in raised.value.problems] == [
        "source path gone.csv",
        "source path gone too.csv",
    ]
    assert locate_all(sources[1:2], None, root) == [(sources[1], None)]


def test_an_empty_folder_is_no_source(root):
    (root / "empty").mkdir()
    with pytest.raises(UserError, match="no files in this folder"):
        locate({"path": "empty"}, None, root)


def test_locating_imports_nothing_heavy():
    code = (
        "import sys, palimpsest.data.sources, palimpsest.data.readers;print([name for name in "
        "('pandas', 'numpy', 'pyarrow', 'datasets', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("source", "ending"),
    [
        (URL, "posts.csv"),
        ({"url": "https://example.org/a%2F..%2F$(x) y.csv"}, "x-y.csv"),
        ({"url": "https://example.org/"}, "source"),
        ({"hub": "owner/set", "name": "plain", "split": "train"}, "owner-set-plain-train.parquet"),
    ],
)
def test_fetched_names_are_a_digest_and_a_plain_file_name(source, ending):
    digest, _, name = fetched_name(source).partition("-")
    assert name == ending and len(digest) == 8 and set(digest) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"url": "https://example.org/2023/posts.csv"},
            {"url": "https://example.org/2024/posts.csv"},
        ),
        (
            {"url": "https://example.org/posts.csv?year=2023"},
            {"url": "https://example.org/posts.csv?year=2024"},
        ),
        ({"hub": "owner/set"}, {"hub": "owner-set"}),
        ({"hub": "owner/set", "revision": "a"}, {"hub": "owner/set", "revision": "b"}),
    ],
)
def test_sources_of_the_same_last_name_are_fetched_to_files_of_their_own(one, other):
    assert fetched_name(one) != fetched_name(other)
    assert fetched_name(one).partition("-")[2] == fetched_name(other).partition("-")[2]


def test_the_mirror_has_no_part_in_what_is_fetched():
    assert (
        fetched_name({**URL, "mirror": "set/posts.csv"})
        == fetched_name(dict(reversed(URL.items())))
        == fetched_name(URL)
    )


@pytest.fixture
def server():
    """A web server that sends a table, breaks off in the middle, or has nothing."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/posts.csv":
                self.send_response(200)
                self.send_header("Content-Length", "12")
                self.end_headers()
                self.wfile.write(b"text,label\nx")
            elif self.path == "/broken.csv":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"text,la")
            else:
                self.send_error(404)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_url_is_fetched_whole(server, tmp_path):
    fetch({"url": f"{server}/posts.csv"}, tmp_path / "new" / "posts.csv")
    assert (tmp_path / "new" / "posts.csv").read_bytes() == b"text,label\nx"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["posts.csv"]


@pytest.mark.parametrize("name", ["broken.csv", "none.csv"])
def test_a_failed_download_leaves_nothing_and_says_how_to_do_without(server, tmp_path, name):
    before = tmp_path / name
    before.write_text("earlier")
    with pytest.raises(UserError, match="cannot be fetched") as raised:
        fetch({"url": f"{server}/{name}"}, before)
    assert "mirror" in raised.value.problems[0].remedy and "path" in raised.value.problems[0].remedy
    assert before.read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://example.org/x.csv"])
def test_only_the_web_is_fetched(tmp_path, url):
    with pytest.raises(UserError, match="not a web address"):
        fetch({"url": url}, tmp_path / "x.csv")
    assert not list(tmp_path.iterdir())


def test_a_hub_set_without_split_is_taken_whole_with_a_split_column(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    pandas = pytest.importorskip("pandas")
    parts = {
        "train": datasets.Dataset.from_dict({"text": ["one", "two"], "label": [0, 1]}),
        "test": datasets.Dataset.from_dict({"text": ["three"], "label": [1]}),
    }
    asked = {}

    def load_dataset(path, name=None, *, split=None, revision=None):
        asked.update(path=path, name=name, revision=revision)
        return parts[split] if split else datasets.DatasetDict(parts)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    fetch({"hub": "owner/set", "name": "plain", "revision": "abc"}, tmp_path / "set.parquet")
    frame = pandas.read_parquet(tmp_path / "set.parquet")
    assert asked == {"path": "owner/set", "name": "plain", "revision": "abc"}
    assert frame.to_dict("list") == {
        "text": ["one", "two", "three"], "label": [0, 1, 1], "split": ["train", "train", "test"]
    }  # fmt: skip
    fetch({"hub": "owner/set", "split": "test"}, tmp_path / "test.parquet")
    assert pandas.read_parquet(tmp_path / "test.parquet")["text"].tolist() == ["three"]


def test_a_hub_that_cannot_be_reached_says_how_to_do_without(tmp_path, monkeypatch):
    def load_dataset(*args, **kwargs):
        raise ConnectionError("Couldn't reach 'owner/set' on the Hub\nmore lines")

    stub = types.SimpleNamespace(load_dataset=load_dataset, concatenate_datasets=None)
    monkeypatch.setitem(sys.modules, "datasets", stub)
    with pytest.raises(UserError, match="Couldn't reach") as raised:
        fetch({"hub": "owner/set"}, tmp_path / "set.parquet")
    assert "mirror" in str(raised.value) and "more lines" not in str(raised.value)
    assert not list(tmp_path.iterdir())
