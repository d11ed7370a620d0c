"""Score sets of records with one or several models: their predictions where a loss counts."""

from __future__ import annotations

import importlib
from pathlib import Path

import pandas as pd
import torch

from palimpsest.data.aside import in_part
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.models.devices import device_of
from palimpsest.models.folder import check_model, tokenizer_digest
from palimpsest.models.tokenizers import load_tokenizer


def add_arguments(parser) -> None:
    parser.add_argument("--model", type=Path, nargs="+", required=True, help="folders, one a shard")
    parser.add_argument(
        "--records",
        type=Path,
        nargs="*",
        action="append",
        required=True,
        help="files of a set; once for each set",
    )
    parser.add_argument(
        "--candidates",
        type=Path,
        help="other completions of records, which are scored beside their own",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        help="folder of the model that others are compared with: the oracle",
    )
    parser.add_argument(
        "--judges",
        type=Path,
        nargs="*",
        default=[],
        help="folders of judges of what models write, in the order of the settings' `judges`",
    )
    parser.add_argument(
        "--output", type=Path, nargs="+", required=True, help="in the order of the sets"
    )


def run(args) -> None:
    """settings: `sharding`, `shards` (of the models, in order), `track` and `score` (their
    modules), `head`, `model` (the study's, as far as texts are encoded by it), `batch_size`,
    `threads`, `gpus`, and what else `score` takes; where judges judge what models write, `judges`:
    their `module` and their `names`.

    A set without files or records has no rows; a record of several sets is scored in the last of
    them only. With `reported`, by what the records are drawn that settings are chosen by, these are
    left out: nothing that is reported counts them. Columns: record_id, those of `score.KEPT`,
    sharding, shard, and the scores.
    """
    settings = args.settings
    track, score = (importlib.import_module(settings[name]) for name in ("track", "score"))
    torch.set_num_threads(settings["threads"])
    device = device_of(settings["gpus"])
    judges = judges_of(settings.get("judges"), args.judges, device)
    further = {"judges": judges} if judges else {}
    candidates = read_parquet(args.candidates) if args.candidates else None
    sets = {
        path: score.texts(pd.concat(map(read_parquet, files), ignore_index=True), candidates)
        for path, files in zip(args.output, args.records, strict=True)
        if files
    }
    sets = {path: counted(texts, settings.get("reported"), score) for path, texts in sets.items()}
    sets = {path: texts for path, texts in once(sets).items() if len(texts)}
    for folder in (folder for folder in (*args.model, args.reference) if folder):
        check_model(folder)
    scores: dict[Path, list[pd.DataFrame]] = {path: [] for path in args.output}
    encoded: dict[str, dict] = {}  # by their tokenizer, which many models share
    for shard, folder in zip(settings["shards"], args.model, strict=True):
        tokenizer = load_tokenizer(folder)
        model = track.load(folder, tokenizer, settings["head"]).to(device)
        reference = (
            track.load(args.reference, tokenizer, settings["head"]).to(device)
            if args.reference
            else None
        )
        alike = tokenizer_digest(folder)
        if alike not in encoded:
            encoded[alike] = {
                path: track.encode(texts, tokenizer, settings["model"])[0]
                for path, texts in sets.items()
            }
        for path, texts in sets.items():
            kept = texts[["record_id", *score.KEPT]]
            kept = kept.assign(sharding=settings["sharding"], shard=shard)
            ids = encoded[alike][path]
            said = score.score(model, tokenizer, ids, texts, settings, reference, **further)
            scores[path].append(kept.assign(**said))
    empty = pd.DataFrame({"record_id": []})
    for path, frames in scores.items():
        write_parquet(pd.concat(frames, ignore_index=True) if frames else empty, path)


def counted(texts: pd.DataFrame, part: dict | None, score) -> pd.DataFrame:
    """The texts without those of the part, but for what numbers of other texts rest on."""
    if not part:
        return texts
    left_out = texts["record_id"].map(lambda name: in_part(name, **part)).astype(bool)
    return texts[~left_out | score.needed(texts)].reset_index(drop=True)


def judges_of(named: dict | None, folders: list[Path], device: torch.device) -> dict:
    """Judges by name. Their module is named by settings, so that what has none does not depend on
    it."""
    if not named:
        return {}
    module = importlib.import_module(named["module"])
    given = zip(named["names"], folders, strict=True)
    return {name: module.load(folder, device) for name, folder in given}


def once(sets: dict[Path, pd.DataFrame]) -> dict[Path, pd.DataFrame]:
    """The same sets, each without the records of later ones: forgotten records are among the
    trained ones, too."""
    kept, later = {}, set()
    for path, texts in reversed(sets.items()):
        kept[path] = texts[~texts["record_id"].isin(later)].reset_index(drop=True)
        later.update(texts["record_id"])
    return kept
