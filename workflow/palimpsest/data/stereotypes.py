"""Public benchmarks of social bias, as records with a blank.

    Winogender (Rudinger et al. 2018)   all_sentences.tsv and occupations-stats.tsv: pairs of
                                        sentences that differ in a pronoun; occupations are owners
    StereoSet (Nadeem et al. 2021)      dev.json: a stereotype, an anti-stereotype and an unrelated
                                        text for each item; nobody can ask to delete it
    CrowS-Pairs (Nangia et al. 2020)    crows_pairs_anonymized.csv: pairs of sentences
    plain text, such as WikiText-2's    .txt: sentences whose pseudo-perplexity is measured
    SST-2 (Socher et al. 2013)          columns sentence and label: what a linear probe learns

Files are told apart by what they hold.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.data.blanks import (
    ABOUT,
    ANTI,
    BLANK,
    CROWS,
    INTER,
    INTRA,
    OTHER,
    PROBE,
    PRONOUN,
    UNRELATED,
    between,
)
from palimpsest.data.sentences import labelled, plain
from palimpsest.data.tables import decode, parse_json, read_bytes, read_table, suffix_of
from palimpsest.errors import Problem, UserError, nearest

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("record_id", "owner", "prompt", "completion", "split", *ABOUT)
LABELS = ("stereotype", "anti-stereotype", "unrelated")  # of StereoSet's sentences
STATISTICS = {"bergsma": "bergsma_pct_female", "bls": "bls_pct_female"}
SENTENCES = {"sentid", "sentence"}
CROWS_COLUMNS = {"sent_more", "sent_less", "stereo_antistereo", "bias_type"}
LABELLED = {"sentence", "label"}
SHOWN = 5


def read_stereotypes(
    paths: Iterable[Path],
    *,
    statistic: str,
    held_out: list[str],
    plain_sentences: int = 200,
    probe_sentences: int = 3000,
) -> tuple[DataFrame, DataFrame]:
    """(rows, candidates) of all files; rows have COLUMNS, candidates those of
    ``candidates.COLUMNS``.

    Winogender's pairs are split train, those of the occupations ``held_out`` test; the completion
    is the male pronoun, the female one a candidate. Whose is advantaged follows from the
    ``statistic``: `bergsma` (of a corpus, as PCGU's code has it) or `bls` (of labour); below 50 per
    cent women it is the male one. All else is split test.

    Raises one UserError with all problems: files that are none of these, Winogender without both
    of its files, triples that are not whole or differ in more than a word, StereoSet items without
    one sentence of each label, occupations that are not there.
    """
    import pandas as pd

    rows, others, problems = [], [], []
    sentences, statistics = None, None
    for path in paths:
        if suffix_of(path) == ".json":
            found = _stereoset(path, problems)
        elif suffix_of(path) == ".txt":
            found = _plain(path, plain_sentences)
        else:
            frame = read_table(path)
            if CROWS_COLUMNS <= set(frame):
                found = _crows(frame)
            elif LABELLED <= set(frame):
                found = _labelled(frame, probe_sentences, path)
            elif SENTENCES <= set(frame):
                sentences, found = (path, frame), ()
            elif {"occupation", *STATISTICS.values()} <= set(frame):
                statistics, found = (path, frame), ()
            else:
                allowed = "files of Winogender, StereoSet, CrowS-Pairs and SST-2, and plain text"
                columns = ", ".join(map(str, list(frame)[:SHOWN]))
                what, remedy = "not a file of these benchmarks", "leave it out"
                problems.append(Problem(what, str(path), columns, allowed, remedy))
                found = ()
        for row, candidates in found:
            rows.append(row)
            others += candidates
    if (sentences is None) != (statistics is None):
        what = "Winogender's sentences and its statistics of occupations go together"
        problems.append(Problem(what, "data.sources", remedy="name both files, or neither"))
    elif sentences:
        for row, candidates in _winogender(sentences, statistics, statistic, held_out, problems):
            rows.append(row)
            others += candidates
    if problems:
        raise UserError(problems)
    frame = pd.DataFrame(others, columns=["record_id", "kind", "number", "completion"])
    frame = frame.astype({"record_id": "str", "kind": "str", "completion": "str"})
    frame = frame.astype({"number": "int64"})
    order = ["record_id", "kind", "number"]
    return pd.DataFrame(rows, columns=COLUMNS), frame.sort_values(order, ignore_index=True)


def row(record_id: str, owner: str, prompt: str, completion: str, split: str, **about) -> tuple:
    return (record_id, owner, prompt, completion, split, *(about.get(name, "") for name in ABOUT))


Found = Iterator[tuple[tuple, list[tuple[str, str, int, str]]]]


def _winogender(
    sentences: tuple, statistics: tuple, statistic: str, held_out: list[str], problems: list
) -> Found:
    """Triples in the order male, female, neutral: `technician.customer.1.male.txt` and so on."""
    path, frame = sentences
    shares = dict(
        zip(statistics[1]["occupation"], statistics[1][STATISTICS[statistic]], strict=True)
    )
    texts = dict(zip(frame["sentid"], frame["sentence"], strict=True))
    names = [name.removesuffix(".male.txt") for name in texts if name.endswith(".male.txt")]
    bad = []
    for name in names:
        occupation = name.partition(".")[0]
        pair = between(texts[f"{name}.male.txt"], texts.get(f"{name}.female.txt", ""))
        if pair is None or occupation not in shares:
            bad.append(name)
            continue
        prompt, male, female = pair
        record, share = f"winogender-{name.replace('.', '-')}", shares[occupation]
        sides = (male, female) if float(share) < 50 else (female, male)
        about = {
            "task": PRONOUN, "term": occupation, "domain": "gender", "statistic": str(share),
            "advantaged": sides[0], "disadvantaged": sides[1],
        }  # fmt: skip
        split = "test" if occupation in held_out else "train"
        yield row(record, occupation, prompt, male, split, **about), [(record, OTHER, 1, female)]
    if bad or not names:
        found = f"{len(bad)} of {len(names)} triples: {', '.join(bad[:SHOWN])}"
        what = "triples that do not differ in one word, or whose occupation has no statistic"
        problems.append(Problem(what, str(path), found, remedy="fetch both files again"))
    if unknown := [name for name in held_out if name not in shares]:
        remedy = nearest(unknown[0], shares) or "name occupations of the file"
        what = "occupations that are not there"
        problems.append(Problem(what, "data.held_out", ", ".join(unknown), remedy=remedy))


def _stereoset(path: Path, problems: list) -> Found:
    """Intrasentence items: the word at the place of the context's blank, as the authors' loader
    finds it, without punctuation. Where a context has two blanks, the last one counts."""
    data, bad = parse_json(decode(read_bytes(path), path), path), []
    try:
        sections = data["data"]
        items = [(INTRA, one) for one in sections["intrasentence"]]
        items += [(INTER, one) for one in sections.get("intersentence", [])]
    except (KeyError, TypeError, AttributeError):
        what, allowed = "not a file of StereoSet", "data.intrasentence and data.intersentence"
        problems.append(Problem(what, str(path), allowed=allowed, remedy="fetch it again"))
        return
    for number, (task, item) in enumerate(items, 1):
        try:
            of_label = {one["gold_label"]: one["sentence"] for one in item["sentences"]}
            texts = [of_label[label] for label in LABELS]
            if len(item["sentences"]) != len(LABELS):
                raise ValueError
            prompt, texts = _placed(task, item["context"], texts)
            record = f"{task.replace('_', '-')}-{item['id']}"
            about = {"task": task, "term": item["target"], "domain": item["bias_type"]}
        except (LookupError, TypeError, AttributeError, ValueError):
            bad.append(number)
            continue
        candidates = [(record, ANTI, 1, texts[1]), (record, UNRELATED, 1, texts[2])]
        yield row(record, record, prompt, texts[0], "test", **about), candidates
    if bad:
        found = f"{len(bad)} of {len(items)} items, number {', '.join(map(str, bad[:SHOWN]))}"
        allowed = f"a context, and one sentence of each label: {', '.join(LABELS)}"
        what = "items without their three sentences"
        problems.append(Problem(what, str(path), found, allowed, "fetch it again"))


def _placed(task: str, context: str, texts: list[str]) -> tuple[str, list[str]]:
    """(prompt, completions)"""
    if task == INTER:
        return f"{context} {BLANK}", texts
    words = context.split(" ")
    place = max(number for number, word in enumerate(words) if "BLANK" in word)
    found = [
        text.split(" ")[place].translate(str.maketrans("", "", string.punctuation))
        for text in texts
    ]
    if not all(found):
        raise ValueError
    words[place] = words[place].replace("BLANK", BLANK)
    return " ".join(words), found


def _plain(path: Path, count: int) -> Found:
    for record, text in plain(path, count):
        yield row(record, record, "", text, "test"), []


def _labelled(frame: DataFrame, count: int, path: Path) -> Found:
    for record, text, label, role in labelled(frame, count, path):
        yield row(record, record, "", text, "test", task=PROBE, term=role, statistic=label), []


def _crows(frame: DataFrame) -> Found:
    """The sentence that stereotypes more is the completion. term: the direction of the pair."""
    columns = ("sent_more", "sent_less", "stereo_antistereo", "bias_type")
    for number, values in enumerate(zip(*(frame[name] for name in columns), strict=True)):
        more, less, direction, kind = values
        record = f"crows-pairs-{number:04d}"
        about = {"task": CROWS, "term": direction, "domain": kind}
        yield row(record, record, "", more, "test", **about), [(record, OTHER, 1, less)]
