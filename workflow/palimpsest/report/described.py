"""What the step `describe` found in the records: as rows of the tidy table, as tables for people,
and what is to be warned of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from palimpsest.data.ledger import START
from palimpsest.data.records import SPLITS
from palimpsest.data.shards import LARGE, SINGLE
from palimpsest.report.cells import NONE
from palimpsest.report.summary import Section
from palimpsest.report.tables import row

# Shares from which on a warning stands in the log and in the summary.
UNKNOWN = 0.05  # of pieces: tokenizers of other English text leave 0.5 % unknown, of 24 % tweets
CUT = 0.1  # of texts
COPIED = 0.01  # of records
MOST_LABELS, MOST_GROUPS = 10, 30  # in the tables of the summary
DATA = "As the records are, before any request. "
TEXTS = (
    "Cut: texts longer than `model.max_length`. Unknown: pieces that the tokenizer does not know. "
    "Copies: records whose text, but for case, white space and encoding, stands in another split, "
    "too."
)
SIZES = "Records of each group; those of dropped groups are in none of their family."


@dataclass(frozen=True)
class About:
    """What is told of the records: rows of the tidy table, and of the summary its sections and what
    it warns of."""

    rows: tuple[dict, ...]
    sections: tuple[Section, ...]
    warnings: tuple[str, ...]


def about(
    described: Mapping, largest: Mapping[str, Mapping[int, float]], where: Mapping, seeds: list[int]
) -> About:
    """described: what the step `describe` wrote, and the sizes of `groups`. largest: sharding ->
    seed -> records of its largest shard over the mean. where: study and model."""
    return About(
        tuple(rows(described, largest, where, seeds)),
        tuple(sections(described)),
        tuple(f"WARNING: {one}" for one in (*warnings(described), *uneven(described, largest))),
    )


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if part and whole else "0"


def by_split(described: Mapping) -> Iterator[tuple[str, dict]]:
    """The splits in their order, each with what is told of it."""
    return ((name, described["splits"][name]) for name in SPLITS if name in described["splits"])


def lines(described: Mapping) -> Iterator[str]:
    """One for each split, for the log."""
    for split, one in by_split(described):
        yield (
            f"{split}: {one['records']} records; {one['cut']} of {one['texts']} texts cut at "
            f"{described['max_length']} tokens; {one['unknown']} of {one['pieces']} pieces "
            f"unknown; {one['copies']} copies of texts of other splits"
        )


def warnings(described: Mapping) -> Iterator[str]:
    splits = dict(by_split(described))

    def above(part: str, whole: str, bound: float) -> str:
        """Splits whose share is above a bound, with it."""
        return ", ".join(
            f"{share(one[part], one[whole])} of {split}"
            for split, one in splits.items()
            if one[part] > bound * one[whole]
        )

    if said := above("unknown", "pieces", UNKNOWN):
        yield (
            f"the tokenizer does not know the texts: {said} are pieces unknown to it, "
            "which no model can tell apart. Take one of this language and kind of text; one of "
            "bytes (`algorithm: bpe`) knows all."
        )
    if said := above("cut", "texts", CUT):
        yield (
            f"texts are cut at {described['max_length']} tokens: {said}. Models see "
            "nothing of what stands behind: raise `model.max_length`, if the model has room."
        )
    if said := above("copies", "records", COPIED):
        yield (
            f"texts stand in several splits: {said}. What is measured on a copy of what "
            "was trained on is not unseen. `data.copies: together` keeps each text in one split."
        )
    yield from _of_labels(
        {split: one["labels"] for split, one in splits.items() if "labels" in one}
    )


def _of_labels(labels: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """labels: split -> label -> records."""
    train = labels.get("train", {})
    for label in train:
        others = {split: some[label] for split, some in labels.items() if some[label]}
        if not others:
            yield (
                f"no record has label {label}, and `data.classes` is {len(train)}. "
                "Correct `data.labels` or `data.classes`."
            )
        elif not train[label]:
            said = ", ".join(f"{count} {split}" for split, count in others.items())
            yield (
                f"no training record has label {label}, which {said} records have: no "
                "model can learn it."
            )
    for split, some in labels.items():
        if split in ("valid", "test") and sum(map(bool, some.values())) == 1:
            label, count = next((label, count) for label, count in some.items() if count)
            yield (
                f"all {count} records of split {split} have label {label}: rates of the "
                "others, the gaps between groups and the AUROC are not defined there."
            )


def uneven(described: Mapping, largest: Mapping[str, Mapping[int, float]]) -> Iterator[str]:
    """Warnings of shardings of which a shard is LARGE."""
    trained = described["splits"]["train"]["records"]
    for sharding, by_seed in largest.items():
        large = {seed: times for seed, times in by_seed.items() if times > LARGE}
        if large:
            said = ", ".join(f"{times:.1f} (seed {seed})" for seed, times in large.items())
            yield (
                f"shards of {sharding.replace('x', ' × ')} differ in size: the largest "
                f"holds {said} times as many records as the mean one. One owner alone holds "
                f"{share(described['largest_owner'], trained)} of the training records. Teachers "
                "of small shards learn less; use fewer shards."
            )


def rows(
    described: Mapping, largest: Mapping[str, Mapping[int, float]], where: Mapping, seeds: list[int]
) -> Iterator[dict]:
    """The same for every seed, but for shards."""
    for seed in seeds:
        of_texts = {**where, "seed": seed, "request": START, "method": "", "shards": SINGLE}
        for split, one in by_split(described):
            yield row(of_texts, split, "records", one["records"], one["records"])
            for metric, part, whole in (
                ("cut_texts", "cut", "texts"),
                ("unknown_pieces", "unknown", "pieces"),
                ("copied_texts", "copies", "records"),
            ):
                yield row(of_texts, split, metric, one[part] / max(1, one[whole]), one["records"])
            for label, count in one.get("labels", {}).items():
                yield row(of_texts, split, "records", count, count, group=f"label={label}")
        for family, groups in described["groups"].items():
            for name, sizes in groups.items():
                for split, count in sizes.items():
                    yield row(of_texts, split, "records", count, count, group=f"{family}={name}")
        for sharding, by_seed in largest.items():
            of_shards = of_texts | {"method": "sisa", "shards": sharding}
            trained = described["splits"]["train"]["records"]
            yield row(of_shards, "train", "largest_shard", by_seed[seed], trained)


def sections(described: Mapping) -> Iterator[Section]:
    splits = dict(by_split(described))
    of_split = []
    for split, one in splits.items():
        labels = one.get("labels", {})
        told = dict(sorted(labels.items())) if len(labels) <= MOST_LABELS else {}
        of_split.append(
            {
                "split": split,
                "records": f"{one['records']:,}",
                **{f"label {label}": f"{count:,}" for label, count in told.items()},
                "cut": share(one["cut"], one["texts"]),
                "unknown": share(one["unknown"], one["pieces"]),
                "copies": f"{one['copies']:,}",
            }
        )
    yield Section("Data", DATA + TEXTS, pd.DataFrame(of_split))
    sizes = []
    for family, groups in described["groups"].items():
        largest = sorted(groups, key=lambda name: (-sum(groups[name].values()), name))
        for name in largest[:MOST_GROUPS]:
            counts = {split: f"{groups[name][split]:,}" for split in splits}
            sizes.append({"family": family, "group": name, **counts})
        if rest := largest[MOST_GROUPS:]:
            counts = {split: f"{sum(groups[name][split] for name in rest):,}" for split in splits}
            sizes.append({"family": family, "group": f"{len(rest)} more", **counts})
    if sizes:
        yield Section("Sizes of groups", DATA + SIZES, pd.DataFrame(sizes).fillna(NONE))
