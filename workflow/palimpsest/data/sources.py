"""Where data comes from: a local path, a URL, or a data set on the Hugging Face hub; a mirror
folder replaces them."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from palimpsest.data.names import LONGEST, repeats
from palimpsest.errors import Problem, UserError
from palimpsest.files import replacing

KINDS = ("path", "url", "hub")
TIMEOUT_SECONDS = 60
OFFLINE = (
    "download it elsewhere; then give its `path`, or set `mirror:` to its folder and the source's "
    "`mirror` to it"
)


def locate(source: dict, mirror: str | None, root: Path) -> list[Path] | None:
    """The files of a source, sorted, or None where it has to be fetched first.

    With a mirror folder set nothing is fetched: the file or glob ``source["mirror"]`` below it is
    taken, else a local path. Relative paths start at ``root``. A folder stands for the files
    directly in it, hidden ones apart. Reads no file and imports nothing heavy, as it is called
    while the graph is built. Raises UserError where nothing is found, where a mirror entry leads
    out of its folder, or where a mirror is set and the source would have to be fetched.
    """
    kind = _kind(source)
    if mirror and "mirror" in source:
        folder = root / Path(mirror).expanduser()
        if not folder.is_dir():
            remedy = "correct `mirror:`, or remove it to take the sources from where they are"
            raise UserError(
                Problem("the mirror is not a folder", "mirror", str(folder), remedy=remedy)
            )
        return _files(folder, _inside(source["mirror"]), "below the mirror", source)
    if kind == "path":
        return _files(
            root,
            os.path.expanduser(source["path"]),
            f"relative to the working directory, {Path.cwd()}",
            source,
        )
    if mirror:
        what = "nothing is fetched while a mirror is set, and this source names no file in it"
        raise UserError(
            Problem(
                what,
                _name(source),
                remedy="add `mirror: <file>` to the source, or remove `mirror:`",
            )
        )
    return None


def locate_all(
    sources: list[dict], mirror: str | None, root: Path
) -> list[tuple[dict, list[Path] | None]]:
    """Each source with its files; one UserError with the problems of all."""
    located, problems = [], []
    for source in sources:
        try:
            located.append((source, locate(source, mirror, root)))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return located


def fetched_name(source: dict) -> str:
    """A plain file name for what is fetched: a digest of the source, then the last part of the URL
    or the hub id.

    The digest tells apart sources with the same last part. It comes first, as readers recognise a
    format by the end of a name.
    """
    what = json.dumps(
        {key: value for key, value in source.items() if key != "mirror"}, sort_keys=True
    )
    digest = hashlib.sha256(what.encode()).hexdigest()[:8]
    if _kind(source) == "hub":
        parts = [source["hub"], source.get("name"), source.get("split")]
        name = "-".join(part for part in parts if part) + ".parquet"
    else:
        name = PurePosixPath(unquote(urlsplit(source["url"]).path)).name
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[-LONGEST:].lstrip(".-")
    return f"{digest}-{'source' if repeats(plain) else plain or 'source'}"


def fetch(source: dict, destination: Path) -> None:
    """Fetch a url (its bytes) or a hub data set (as parquet) to the file ``destination``, whole or
    not at all.

    A hub data set without ``split`` is taken whole, with the names of its splits in a column
    ``split``. Raises UserError where the network fails, which says how to do without it.
    """
    kind = _kind(source)
    try:
        with replacing(destination) as beside:
            if kind == "url":
                _download(source["url"], beside)
            elif kind == "hub":
                _from_hub(source, beside)
            else:
                raise ValueError("a local path is not fetched")
    except UserError:
        raise
    except ImportError:
        raise UserError(
            Problem("needs the package `datasets`", _name(source), remedy="pip install datasets")
        ) from None
    except Exception as error:
        # the hub's client raises errors of a dozen packages; each means that the fetch failed
        first = (str(error).splitlines() or [""])[0][:200]
        reason = f"{type(error).__name__}: {first}"
        raise UserError(
            Problem("cannot be fetched", _name(source), reason, remedy=OFFLINE)
        ) from None


def _download(url: str, path: Path) -> None:
    from urllib.request import Request, urlopen

    if urlsplit(url).scheme not in ("http", "https"):
        remedy = "a local file is a `path`"
        raise UserError(
            Problem("not a web address", url, urlsplit(url).scheme, "http, https", remedy)
        )
    request = Request(url, headers={"User-Agent": "palimpsest"})
    with urlopen(request, timeout=TIMEOUT_SECONDS) as answer, open(path, "wb") as file:
        while chunk := answer.read(1 << 20):
            file.write(chunk)
        length, size = answer.headers.get("Content-Length"), file.tell()
    # a connection that ends early raises nothing by itself
    if length is not None and size != int(length):
        raise OSError(f"only {size} of {length} bytes arrived")


def _from_hub(source: dict, path: Path) -> None:
    from datasets import concatenate_datasets, load_dataset

    split = source.get("split")
    dataset = load_dataset(
        source["hub"], source.get("name"), split=split, revision=source.get("revision")
    )
    if split is None:
        parts = [
            part if "split" in part.column_names else part.add_column("split", [name] * len(part))
            for name, part in dataset.items()
        ]
        dataset = concatenate_datasets(parts)
    dataset.to_parquet(path)


def _kind(source: dict) -> str:
    kinds = [kind for kind in KINDS if kind in source]
    if len(kinds) != 1:
        found = ", ".join(kinds) or "none of them"
        raise UserError(
            Problem(
                "a source has exactly one of path, url, hub",
                _name(source),
                found,
                remedy="keep one",
            )
        )
    return kinds[0]


def _name(source: dict) -> str:
    return "source " + next(
        (f"{kind} {source[kind]}" for kind in (*KINDS, "mirror") if kind in source), repr(source)
    )


def _inside(entry: str) -> str:
    """``entry`` itself, if it cannot lead out of the mirror folder."""
    if Path(entry).is_absolute() or ".." in Path(entry).parts:
        remedy = "give a path below the mirror folder, without '..'"
        raise UserError(
            Problem(
                "leads out of the mirror folder",
                "the source's `mirror`",
                repr(entry),
                remedy=remedy,
            )
        )
    return entry


def _files(folder: Path, entry: str, relation: str, source: dict) -> list[Path]:
    path = folder / entry
    if path.is_dir():
        files = [one for one in path.iterdir() if one.is_file() and not one.name.startswith(".")]
    elif path.exists():
        files = [path]
    else:
        files = [
            folder / one
            for one in glob.glob(entry, root_dir=folder, recursive=True)
            if (folder / one).is_file()
        ]
    if not files:
        what = (
            "there are no files in this folder"
            if path.is_dir()
            else "there is no such file or folder"
        )
        remedy = (
            f"put it there, or correct the source (paths are {relation}; '*' and '**' stand for "
            "any name)"
        )
        raise UserError(Problem(what, _name(source), str(path), remedy=remedy))
    return sorted(files)
