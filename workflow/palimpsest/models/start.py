"""The model that a study starts from where others made it: a local folder, or one commit of a model
on the hub. No torch.

What a branch of the hub holds may change from one request to the next. So a model of the hub is
pinned to a commit, which stands in the study: the graph is built, and built again, without asking
anybody, and everything that is trained started from the same weights.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from palimpsest.errors import Problem, UserError, nearest, quoted
from palimpsest.files import file_digest
from palimpsest.models.folder import LOADED

MADE_HERE = ("scratch", "pretrained")
COMMIT = r"[0-9a-f]{40}"
HUB_ID = r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"  # of weights in several files
OTHER_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".gguf", ".onnx")
TOKENIZERS = ("tokenizer*.json", "vocab.*", "*.model")
FLOATS = ("F64", "F32", "F16", "BF16")  # as a header of safetensors calls them
POINTER = b"version https://git-lfs"
SECONDS = 10  # to ask the hub


def is_given(model: Mapping) -> bool:
    """Whether others made the model that the study's `model` section starts from."""
    return model["init"] not in MADE_HERE


def start_name(model: Mapping) -> str:
    """What reports and certificates call a start: `scratch`, a recipe, a folder, or ID@COMMIT."""
    if "revision" in model:
        return f"{model['init']}@{model['revision']}"
    return model.get("recipe", model["init"])


def check_start(model: Mapping) -> None:
    """A UserError where a given start is not there, is not pinned to a commit, or cannot be loaded,
    as far as the names, sizes and headers of its files tell. Called while the graph is built: one
    of the hub is looked into when it has been fetched."""
    if not is_given(model):
        return
    init, revision = model["init"], model.get("revision")
    if Path(init).is_dir():
        if revision is not None:
            what, remedy = "a local folder has no revision", (
                "remove the key; or, if the model of the hub is meant, move the folder of its name"
            )  # fmt: skip
            raise UserError(Problem(what, "model.revision", f"{revision}, of {init}", "", remedy))
        check_folder(Path(init), init)
    elif Path(init).exists() or not re.fullmatch(HUB_ID, init, re.ASCII):
        allowed = f"{', '.join(MADE_HERE)}, a local folder, or an id of the hub"
        remedy = "correct it: paths are relative to the working directory, and ~ is not expanded"
        what = "a start is a folder" if Path(init).exists() else "there is no such folder"
        raise UserError(Problem(what, "model.init", quoted(init), allowed, remedy))
    elif not re.fullmatch(COMMIT, revision or ""):
        raise UserError(_unpinned(init, revision))


def _unpinned(init: str, revision: str | None) -> Problem:
    what = "a model of the hub is pinned to a commit, since a branch may hold others tomorrow"
    branch = revision or "main"
    commit, reason = _commit_of(init, branch)
    if commit:
        remedy = f"write `revision: {commit}`, which is what {branch!r} is {reason}"
    else:
        remedy = (
            f"write the commit that you mean: https://huggingface.co/{init}/commits/{branch} lists "
            f"them ({reason})"
        )
    typed = nearest(init, MADE_HERE)
    found = f"{init}, {quoted(revision) if revision else 'no revision'}"
    allowed = "`revision`, 40 hexadecimal digits; or the path of a folder that is there"
    return Problem(what, "model.revision", found, allowed, " ".join(filter(None, [typed, remedy])))


def _commit_of(init: str, branch: str) -> tuple[str | None, str]:
    """(the commit of a branch or tag, when that was) by the hub, or where it does not answer by the
    cache of this machine; (None, why it is not known)."""
    from huggingface_hub import HfApi

    try:
        return HfApi().model_info(init, revision=branch, timeout=SECONDS).sha, "now"
    except Exception as error:  # the client raises errors of several packages
        cached = _cache(init) / "refs" / branch
        if cached.is_file():
            return cached.read_text(encoding="utf-8").strip(), "in the cache of this machine"
        return None, f"the hub could not tell here: {type(error).__name__}"


def _cache(init: str) -> Path:
    """Where huggingface_hub keeps a model."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE, "--".join(["models", *init.split("/")]))


def start_folder(name: str) -> Path:
    """The folder on this disk of a given start, by its name in reports."""
    init, _, commit = name.rpartition("@")
    in_cache = re.fullmatch(HUB_ID, init, re.ASCII) and re.fullmatch(COMMIT, commit)
    return _cache(init) / "snapshots" / commit if in_cache else Path(name)


def fetched_start(model: Mapping) -> Path:
    """The folder of a given start; one of the hub is fetched at its commit, unless the cache has
    it. A UserError where it cannot be had whole."""
    folder = Path(model["init"])
    if "revision" in model:
        folder = _fetched(model["init"], model["revision"])
    check_folder(folder, start_name(model))
    return folder


def _fetched(init: str, commit: str) -> Path:
    from huggingface_hub import snapshot_download

    def get(names: list[str]) -> Path:
        options = {"allow_patterns": names, "ignore_patterns": "*/*"}
        return Path(snapshot_download(init, revision=commit, **options))

    try:
        folder = get([f"*{end}" for end in LOADED if end != ".safetensors"])
        get(sorted({WEIGHTS, *shards(folder)}))
        return folder
    except Exception as error:  # the client raises errors of several packages
        found = f"{init}@{commit}: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        remedy = (
            f"correct the id or the commit; or, where there is no network, fetch it elsewhere (`hf "
            f"download {init} --revision {commit}`) into a cache that this machine sees (HF_HOME)"
        )
        problem = Problem("the start cannot be fetched", "model.init", found, remedy=remedy)
        raise UserError(problem) from None


# --- what is in a folder --------------------------------------------------------------------------


def shards(folder: Path) -> list[str]:
    """The files that an index of weights names; none where there is no index."""
    path = folder / INDEX
    if not path.is_file():
        return []
    try:
        return sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UserError(_damaged(path, "no index of weights")) from None


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, as transformers chooses them."""
    return [folder / name for name in shards(folder) if not (folder / WEIGHTS).is_file()] or [
        folder / WEIGHTS
    ]


def weights_digest(folder: Path, digest: Callable[[Path], str | None] = file_digest) -> str | None:
    """SHA-256 of the weights; of several files, that of what `sha256sum` prints of them, by name.
    None where they are not all there. ``digest`` is that of one file, if it is known."""
    files = weight_files(folder)
    if not all(path.is_file() for path in files):
        return None
    if len(files) == 1:
        return digest(files[0])
    lines = "".join(f"{digest(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def check_folder(folder: Path, name: str) -> None:
    """A UserError lists all that keeps a folder, which errors call ``name``, from being a model
    that can be loaded, without reading its weights."""
    problems = list(_folder_problems(folder, name))
    if problems:
        raise UserError(problems)


def _folder_problems(folder: Path, name: str) -> Iterator[Problem]:
    def problem(what: str, found: str, remedy: str, allowed: str = "") -> Problem:
        return Problem(what, "model.init", f"{name}: {found}" if found else name, allowed, remedy)

    if (folder / "adapter_config.json").exists():
        yield problem(
            "an adapter (LoRA) is no whole model",
            "adapter_config.json",
            "merge it into the model that it was trained on (peft: `model.merge_and_unload()."
            "save_pretrained(...)`), and name that folder",
        )
        return
    if not (folder / CONFIG).is_file():
        yield problem(
            "not the folder of a model",
            f"no {CONFIG}",
            "name a folder that `save_pretrained` of transformers wrote",
            f"{CONFIG}, {WEIGHTS} and the files of a tokenizer",
        )
        return
    yield from _config_problems(folder / CONFIG, problem)
    if not any(path.is_file() for pattern in TOKENIZERS for path in folder.glob(pattern)):
        yield problem(
            "there is no tokenizer",
            "none of " + ", ".join(TOKENIZERS),
            "save the model's own tokenizer there: `tokenizer.save_pretrained(...)`",
        )
    try:
        files = weight_files(folder)
    except UserError as error:
        yield from error.problems
        return
    if files == [folder / WEIGHTS] and not files[0].is_file():
        others = sorted(path.name for path in folder.iterdir() if path.suffix in OTHER_WEIGHTS)
        yield problem(
            "weights are read from safetensors alone",
            ", ".join(others[:5]) or "no weights",
            "load the model where you trust it, and save it with `save_pretrained`, which writes "
            "safetensors; or fetch its whole folder",
            f"{WEIGHTS}, or {INDEX} with the files that it names",
        )
        return
    outside = [path.name for path in files if path.parent != folder]
    missing = [path.name for path in files if not path.is_file()]
    if outside or missing:
        what = "files of the weights lie elsewhere" if outside else "files of the weights are gone"
        yield problem(what, ", ".join((outside or missing)[:5]), "fetch the whole folder again")
        return
    for path in files:
        found = _broken(path)
        if found:
            yield _damaged(path, found)
        elif types := _untrainable(path):
            yield problem(
                "weights of a type that cannot be trained",
                f"{path.name}: {', '.join(types)}",
                "name the model from which it was made",
                ", ".join(FLOATS),
            )


def _config_problems(path: Path, problem) -> Iterator[Problem]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        quantised = config.get("quantization_config")
    except (ValueError, AttributeError):
        yield _damaged(path, "no JSON of a config")
        return
    if quantised:
        yield problem(
            "quantised weights cannot be trained",
            "quantization_config",
            "name the model from which it was made",
        )


def _damaged(path: Path, found: str) -> Problem:
    remedy = "fetch the file again, or save the model again"
    return Problem("the file is damaged", str(path), found, remedy=remedy)


def _untrainable(path: Path) -> list[str]:
    """Types of matrices that are none of FLOATS; masks and positions of older versions are."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    types = {one["dtype"] for name, one in header.items() if name.endswith(".weight")}
    return sorted(types - set(FLOATS))


def _broken(path: Path) -> str:
    """What is wrong with a safetensors file, by its size and header; "" where nothing is."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        if file.read(len(POINTER)) == POINTER:
            return "a pointer of Git LFS, not the weights (`git lfs pull` fetches them)"
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= size - 8:
            return f"{size} bytes, fewer than its header needs"
        try:
            header = json.loads(file.read(length))
            ends = [one["data_offsets"][1] for key, one in header.items() if key != "__metadata__"]
            needed = 8 + length + max(ends, default=0)
        except (ValueError, LookupError, TypeError, AttributeError):
            return "a header that is none of safetensors"
    return "" if needed == size else f"{size} bytes, where its header needs {needed}"
