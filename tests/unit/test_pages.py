"""The pages for people (README.md, docs/, and those of single folders): what they link to and name
exists, their commands can be given, and their walkthroughs are studies."""

from __future__ import annotations

import argparse
import csv
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from stepping import read_records

from palimpsest.data.groups import check_calibration, index_of
from palimpsest.data.ledger import read_ledger
from palimpsest.engine import screen
from palimpsest.engine.cli import STEPS
from palimpsest.models.start import check_start
from palimpsest.study import paths
from palimpsest.study.load import check_study, study_files

ROOT = Path(__file__).resolve().parents[2]
OF_FOLDERS = ("README.md", "config/README.md", "results/README.md", "workflow/profiles/README.md")
GUIDES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
PAGES = [*OF_FOLDERS, *GUIDES]
OWN = ("yours", "shop", "desk", "path")  # what the reader makes, or a place of theirs
TABLE, QUESTIONS = "docs/your-own-table.md", "docs/your-own-questions.md"


@cache
def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """The blocks of code in a language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text_of(page), re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    """What a link to a heading of the page may end in, as GitHub makes it: later ones of a name are
    numbered."""
    without_code = re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    plain = [
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", without_code, flags=re.MULTILINE)
    ]
    before = [plain[:number].count(one) for number, one in enumerate(plain)]
    return {f"{one}-{n}" if n else one for one, n in zip(plain, before, strict=True)}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    wrong = []
    for link in re.findall(r"\]\(([^)]+)\)", text_of(page)):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent.joinpath(name).resolve() if name else ROOT / page
        if not target.exists():
            wrong.append(link)
        elif anchor and anchor not in anchors(target.relative_to(ROOT).as_posix()):
            wrong.append(link)
    assert not wrong


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page):
    """By their path from the root; in guides to the code also from a room of the package."""
    tops = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != ".")
    named = set(re.findall(rf"(?<![\w/.-])(?:{tops})/[\w/.-]+\w", text_of(page)))
    named = {name for name in named if not name.startswith("results/")}
    absent = {name for name in named if not (ROOT / name).exists()}
    assert not {name for name in absent if Path(name).stem != "yours"}
    package = [ROOT, *(path.parent for path in ROOT.glob("workflow/palimpsest/**/__init__.py"))]
    code = {
        name for name in re.findall(r"`([\w/]+\.py)`", text_of(page)) if Path(name).stem != "yours"
    }
    assert not {name for name in code if not any((room / name).exists() for room in package)}


def test_every_guide_is_linked_from_the_front_page():
    assert {f"docs/{Path(page).name}" for page in GUIDES} <= set(
        re.findall(r"\]\(([^)#]+)", text_of("README.md"))
    )


def test_sections_that_the_schema_names_are_there():
    """In descriptions of keys a page is followed by its section, in quotes."""
    schema = " ".join(
        (ROOT / "workflow/palimpsest/schemas/study.schema.yaml").read_text("utf-8").split()
    )
    named = re.findall(r'((?:\w+/)*\w+\.md), "([^"]+)"', schema)
    assert named
    for page, section in named:
        assert re.search(rf"^#+ {re.escape(section)}$", text_of(page), flags=re.MULTILINE), section


# --- commands -------------------------------------------------------------------------------------


def commands(page: str) -> list[list[str]]:
    """The words of each command of its blocks, without comments; `a && b` are two."""
    lines = [line for block in blocks(page, "bash") for line in block.splitlines()]
    lines = [part for line in lines for part in line.split("&&")]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@cache
def of_snakemake() -> argparse.ArgumentParser:
    from snakemake.cli import get_argument_parser

    return get_argument_parser()


@cache
def targets() -> set[str]:
    rules = [ROOT / "workflow/Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    return set(re.findall(r"^rule (\w+):", "".join(one.read_text() for one in rules), re.MULTILINE))


def check_snakemake(words: list[str]) -> None:
    """Options that Snakemake has, targets and studies that there are. A target must stand before
    the options that take all that follows."""
    given, _ = of_snakemake().parse_known_args(words)
    for target in given.targets:
        assert target in targets() or (ROOT / target).exists(), target
    for option in (word for word in words if word.startswith("-")):
        assert option.partition("=")[0] in of_snakemake()._option_string_actions, option
    values = dict(value.split("=", 1) for value in given.config or [])
    for name in values.get("study", "").split(",") if values else []:
        own = name.split("/")[0] in OWN
        assert own or not name or name in study_files(ROOT / "config"), name
    if "ledger" in values:
        assert (ROOT / values["ledger"]).exists()


def check_palimpsest(words: list[str]) -> None:
    """A step that there is, and options that its source names: to import it may take seconds."""
    assert words[0] in STEPS, words
    package = ROOT / "workflow/palimpsest"
    sources = [package / f"steps/{words[0]}.py", *(package / "audit").glob("*.py")]
    known = re.findall(r'"(--[a-z-]+)"', "".join(one.read_text("utf-8") for one in sources))
    assert {word for word in words if word.startswith("--")} <= {*known, "--help"}, words


def check_pip(words: list[str]) -> None:
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    command, where = words[:2]
    assert (command, where) in {("install", "-e"), ("install", "--no-index"), ("wheel", "-w")}
    assert re.fullmatch(rf"(\.|palimpsest)(\[({'|'.join(extras)})\])?", words[-1])


def check_pytest(words: list[str]) -> None:
    for word in words:
        assert word.startswith("-") or word.isdecimal() or (ROOT / word).exists(), word


CHECKS = {
    "snakemake": check_snakemake,
    "palimpsest": check_palimpsest,
    "pip": check_pip,
    "pytest": check_pytest,
}
OF_THE_SHELL = {"printf", "export", "source", "python3", "ruff", "snakefmt", "snakedeploy"}


@pytest.mark.parametrize("page", PAGES)
def test_commands_can_be_given(page):
    for program, *words in commands(page):
        assert program in CHECKS or program in OF_THE_SHELL, program
        if program in CHECKS:
            CHECKS[program](words)


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_a_sentence_can_be_given(page):
    """`snakemake ...` and `palimpsest ...` between backquotes."""
    prose = re.sub(r"^ *```.*?^ *```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`]+)`", prose):
        words = shlex.split(code.replace("\n", " "), comments=False) if "'" not in code else []
        words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
        if len(words) > 1 and words[0] in ("snakemake", "palimpsest"):
            CHECKS[words[0]](words[1:])


# --- walkthroughs ---------------------------------------------------------------------------------


def written(block: str, folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(block, encoding="utf-8")
    return path


def with_the_other_start(page: str) -> tuple[dict, dict]:
    """The study of a walkthrough, and the same with the pretrained start that the page offers in
    place of its own."""
    first, instead, *_ = map(yaml.safe_load, blocks(page, "yaml"))
    return check_study(first, where=page), check_study({**first, **instead}, where=page)


def ledger_of(page: str, folder: Path) -> list:
    """What the page's `printf` commands make of the ledger."""
    lines = [words[1] for words in commands(page) if words[0] == "printf"]
    return read_ledger(written("".join(lines).encode().decode("unicode_escape"), folder, "l.tsv"))


def test_the_walkthrough_of_a_classifier(tmp_path):
    """11 rows of 6 customers: 5 to learn from, 4 to fit post-processors on (each city with either
    verdict), 2 to report on.

    'bad' is 1: rows 1, 3, 6, 8 and 10. Light, lamp or shade stand in rows 1, 2 and 5 as words;
    'Bright' is none.
    """
    study, pretrained = with_the_other_start(TABLE)
    assert (study["model"]["init"], study["model"]["tokenizer"]) == ("scratch", "public-words")
    check_start(pretrained["model"])
    source = written(blocks(TABLE, "csv")[0], tmp_path, "reviews.csv")
    records, report = read_records(study["data"], [source], classes=study["data"]["classes"])
    assert report.by_split == {"train": 5, "valid": 4, "test": 2} and not report.dropped
    assert set(records.loc[records["label"] == 1, "record_id"]) == {"1", "3", "6", "8", "10"}
    index = index_of(records, study["groups"])
    assert set(index.loc[index["about_light"] == "mentions", "record_id"]) == {"1", "2", "5"}
    check_calibration(index, study["fairness"]["groups"])
    (request,) = ledger_of(TABLE, tmp_path)
    assert (request.name, request.owners) == ("r1", ("ana",))
    assert set(request.owners) <= set(records["owner"])


def test_the_walkthrough_of_a_causal_model(tmp_path):
    study, pretrained = with_the_other_start(QUESTIONS)
    check_start(pretrained["model"])
    assert study["track"] == pretrained["track"] == "causal"
    rows = [*csv.DictReader(blocks(QUESTIONS, "csv")[0].splitlines())]
    columns = study["data"]["columns"]
    assert len(rows) == 5 and set(columns.values()) == set(rows[0])
    assert all(row[columns["prompt"]].endswith("?") for row in rows)
    assert all(row[columns["completion"]].endswith(".") for row in rows)
    (request,) = ledger_of(QUESTIONS, tmp_path)
    assert set(request.owners) < {row[columns["owner"]] for row in rows}
    assert len(request.owners) == 2


@pytest.mark.parametrize("page", [TABLE, QUESTIONS])
def test_a_walkthrough_names_the_files_that_it_makes(page):
    study = check_study(yaml.safe_load(blocks(page, "yaml")[0]), where=page)
    (tokenizer,) = study["tokenizers"].values()
    sources = [*study["data"]["sources"], *tokenizer["corpus"]]
    folder = study["study"]
    for path in (study["ledger"], *(source["path"] for source in sources)):
        assert path.startswith(f"{folder}/")
        assert Path(path).name in text_of(page).replace(".txt`", "*.txt")
    assert f"study={folder}/study.yaml" in text_of(page)
    assert f"`{folder}/study.yaml`" in text_of(page)


# --- what the code says, too ----------------------------------------------------------------------


def test_every_reason_to_run_again_is_explained():
    """As a dry run words it, in the first column of the table."""
    params = [screen.changed_params(["a"], ["b"]), screen.changed_params(["a, 1"], ["a, 2"])]
    params.append(screen.changed_params(["{}"], ["a"]))
    told = re.findall(r"^\| ([a-z, ]+) \|", text_of("docs/reruns.md"), flags=re.MULTILINE)
    assert {*screen.REASONS.values(), *sum(params, [])} <= {
        reason for cell in told for reason in cell.split(", ")
    }


def test_results_are_told_as_the_paths_are():
    """Each folder of paths.py has its line, and each line its folder."""
    told = re.findall(r"^- `\{study\}/([^`]+)`", text_of("results/README.md"), flags=re.MULTILINE)
    made = [
        paths.below(value)
        for value in vars(paths).values()
        if isinstance(value, str) and value.startswith(f"{paths.STUDY}/")
    ]

    def folder(path: str) -> str:
        return re.match(r"(?:seed\{seed\}/?)?[^/{]*", path)[0].rstrip("/")

    expected = {folder(path) for path in made} - {"seed{seed}"}
    assert expected <= {folder(path) for path in told}
    beside = {"report.html", "logs", "purged.json"}  # Snakemake, and purges, make them
    assert {folder(path) for path in told} <= expected | beside
