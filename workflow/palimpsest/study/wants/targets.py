"""What the targets ask for, and what the rules of a run may make."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from palimpsest.plots.registry import FIGURES
from palimpsest.study import paths
from palimpsest.study.study import Study
from palimpsest.study.wants.attacks import asked_sets
from palimpsest.study.wants.certificates import live
from palimpsest.study.wants.figures import figure_names, formats
from palimpsest.study.wants.methods import (
    attacked,
    first_teachers,
    frozen,
    method_digests,
    method_folder,
    methods_in,
    teachers_for,
    unlearned,
)
from palimpsest.tracks import Track, track_of


def table_files(study: Study) -> list[str]:
    pages = (paths.SUMMARY, paths.SUMMARY_PAGE, paths.FINDINGS)
    return [study.path(name) for name in (paths.TABLE, paths.TABLE_CSV, *pages)]


def figure_files(study: Study) -> list[str]:
    """All figures in the formats that are asked for, and the page of each."""
    suffixes = [*study.config["figures"]["formats"], "html"]
    return [
        study.path(paths.FIGURE, figure=figure, suffix=suffix)
        for figure in figure_names(study)
        for suffix in suffixes
    ]


def certificate_files(study: Study) -> list[str]:
    """All certificates with their pages and, where the study names a key, signatures; and the
    fingerprint of a request whose certificate is filed, where it was lost."""
    made, signed = live(study), study.config["certificates"]["key"] is not None
    templates = [paths.CERTIFICATE, paths.CERTIFICATE_PAGE]
    templates += [paths.CERTIFICATE_SIGNATURE] if signed else []
    names = study.plan.names[1:]
    lost = (study.path(paths.FINGERPRINT, request=name) for name in names if name not in made)
    return [
        *(study.path(template, request=name) for name in names for template in templates),
        *(path for path in lost if not Path(path).is_file()),
    ]


def all_files(study: Study) -> list[str]:
    """Everything that the study asks for."""
    made = [*table_files(study), *figure_files(study), *certificate_files(study)]
    return [*made, *newest_models(study)]


def newest_models(study: Study) -> list[str]:
    """The models that serve the newest state, of every seed and sharding, and the stages that they
    went through, from which a request goes on. Numbers and certificates that are there do not ask
    for them again, and people use them."""
    latest, plan = study.plan.latest, study.plan
    trained = [study.weights(seed, one.name) for seed, one in plan.checkpoints(latest)]
    unlearnt = [
        study.weights(seed, method_folder(name, state))
        for seed in plan.seeds
        for name, state in unlearned(study)
        if state == latest
    ]
    return [*trained, *unlearnt]


def teacher_files(study: Study) -> list[str]:
    """All that is trained on the records: base, oracles, teachers."""
    served = [
        study.weights(seed, checkpoint.name)
        for state in study.plan.states
        for seed, checkpoint in study.plan.checkpoints(state)
    ]
    learnt_from = [
        path
        for name in methods_in(study, study.plan.latest)
        for seed in study.plan.seeds
        for path in teachers_for(study, name, seed)
    ]
    return list(dict.fromkeys([*served, *learnt_from]))


def data_files(study: Study) -> list[str]:
    """The index, and the digest of every slice and set that anything is trained or scored on. One
    that is left out would be made in the same run as the models, which Snakemake then trains
    without having seen whether it differs."""
    scored = [*study.track.sets]
    if study.compares:
        requests = study.plan.names[study.plan.order[study.plan.purged] + 1 :]
        scored += [f"forget-{name}" for name in requests]
    of_methods = (method_digests(study, method, state) for method, state in unlearned(study))
    attacked_in = [state for state in study.plan.states if attacked(study, state)]
    of_attacks = {study.path(paths.EXTRA_DIGEST, state=state) for state in attacked_in}
    attacks = study.config["attacks"] if attacked_in else {}
    asked = [asked_sets(study, one, "json").format(set=name) for one in attacks for name in scored]
    scored += [paths.ASIDE_NAME.format(set=name) for name in scored] if study.tuning else []
    files = {study.path(paths.INDEX), *(study.path(paths.SET_DIGEST, set=name) for name in scored)}
    return sorted(files.union(asked, _slice_digests(study), of_attacks, *of_methods))


def _slice_digests(study: Study) -> set[str]:
    """Digests of the slices that checkpoints are made of: those of the states, and the teachers of
    methods."""
    pairs = [pair for state in study.plan.states for pair in study.plan.checkpoints(state)]
    pairs += [
        (seed, teacher)
        for name in methods_in(study, study.plan.latest)
        for seed in study.plan.seeds
        for teacher in first_teachers(study, name, seed)
    ]
    return {
        study.path(paths.SLICE_OF_NAME, seed=seed, name=part, end="json")
        for seed, checkpoint in pairs
        for part in checkpoint.slices
    }


def drawings(studies: Iterable[Study]) -> list[tuple[str, str, tuple[str, ...], str]]:
    """(rule, figure, formats, pattern of the studies) of all figures that have something to show. A
    figure has a rule for each choice of formats."""
    studies = list(studies)
    chosen = list(dict.fromkeys(map(formats, studies)))
    rules = []
    for figure in FIGURES:
        for some in chosen:
            shown = [one for one in studies if formats(one) == some and figure in figure_names(one)]
            if shown:
                end = f"_{'_'.join(some)}" if len(chosen) > 1 else ""
                rules.append((f"figure_{figure}{end}", figure, some, pattern(shown)))
    return rules


def by_track(studies: Iterable[Study]) -> list[tuple[str, Track, str]]:
    """(end of the names of its rules, Track, pattern of its studies) of each track that studies
    have."""
    studies = list(studies)
    names = dict.fromkeys(study.config["track"] for study in studies)
    tracks = []
    for name in names:
        end = f"_{name}" if len(names) > 1 else ""
        of_track = pattern(one for one in studies if one.config["track"] == name)
        tracks.append((end, track_of(name), of_track))
    return tracks


def source_files(study: Study, wildcards: Iterable[str]) -> list[str]:
    """Local files that records are read from, or that a tokenizer, a start or judges are trained
    on."""
    if "judge" in wildcards:
        sources = [one for some in study.examples.values() for one in some]
    else:
        sources = study.sources if "study" in wildcards else study.corpus
    return [str(path) for _, files in sources for path in files or ()]


# --- wildcards ------------------------------------------------------------------------------------


def any_of(names: Iterable[str | None]) -> str:
    """Pattern of these names and no others."""
    escaped = sorted({re.escape(name) for name in names if name})
    return "|".join(escaped) or "(?!)"


def pattern(studies: Iterable[Study]) -> str:
    """Pattern of the names of studies, unless a file follows that no rule makes any more."""
    studies = list(studies)
    kept = "|".join(
        f"{re.escape(study.name)}/(?:{made})" for study in studies for made in _kept(study)
    )
    names = any_of(study.name for study in studies)
    return f"(?!{kept})(?:{names})" if kept else names


def _kept(study: Study) -> list[str]:
    """Patterns of files that stay as they are: numbers that a purge froze, finished
    certificates."""
    numbers = any_of(frozen(study))
    filed = any_of(set(study.plan.names[1:]) - set(live(study)))
    patterns = []
    if frozen(study):
        patterns.append(rf"seed\d+/(?:metrics|decisions|items)/(?:{numbers})\.")
    if filed != any_of([]):
        patterns.append(rf"certificates/(?:{filed})\.json$")
    return patterns
