"""The workflow as a `module` of another one: from a folder, with a prefix, from a git repository;
and twice in one workflow. The package is not installed and on no path."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from harness import STUDY, TOKENIZER, Clone, make_start
from palimpsest.files import file_digest

LEAN = {
    "ledger": "ledger.tsv",
    "requests": "latest",
    "methods": ["sisa_vote"],
    "groups": {},
    "fairness": {},
    "sharding": ["2x1"],
}
IMPORTED = """
module forget:
    snakefile: {snakefile}
    config: {config}
    {prefix}

use rule * from forget as forget_*

onstart: forget.onstart()
onsuccess: forget.onsuccess()
onerror: forget.onerror()

rule all:
    default_target: True
    input: rules.forget_{target}.input
"""
TEACHERS = {f"seed1/teachers/2x1/{name}/model.safetensors" for name in ("1/1/r0", "2/1/r1")}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Clone:
    """The workflow in a git repository; beside it, out of the repository, a study."""
    home = Clone.make(tmp_path_factory.mktemp("modules") / "home", forget="r1 owner03", **LEAN)
    outside = home.folder.parent / "study"
    outside.mkdir()
    for name in ("study.yaml", "posts.csv", "corpus.txt", "ledger.tsv"):
        shutil.move(home.path(name), outside)
    git(home, "init", "-q", "-b", "main")
    git(home, "add", "-A")
    git(home, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "all")
    return home


def git(home: Clone, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=home.folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def user(home, tmp_path) -> Clone:
    """The folder of somebody whose workflow imports this one."""
    return Clone(shutil.copytree(home.folder.parent / "study", tmp_path / "user"))


def importing(
    user: Clone, snakefile: str, prefix: str = "", target: str = "all", **config: str
) -> None:
    chosen = config or {"study": "study.yaml"}
    line = f'prefix: "{prefix}"' if prefix else ""
    text = IMPORTED.format(snakefile=snakefile, config=chosen, prefix=line, target=target)
    user.path("Snakefile").write_text(text)


def models(user: Clone, top: str = "results") -> dict[str, str]:
    """Name -> SHA-256 of the models below a folder; there are none elsewhere."""
    folder = user.path(top) / "tiny"
    found = {
        path: path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
        for path in user.folder.rglob("model.safetensors")
    }
    return {name: file_digest(path) for path, name in found.items()}


def run(user: Clone, *arguments: str) -> None:
    assert user.snakemake(*arguments, study=None) == 0, user.output


def done(user: Clone) -> bool:
    run(user, "--dry-run")
    return "Nothing to be done" in user.output


@pytest.fixture(scope="module")
def expected(home, tmp_path_factory) -> dict[str, str]:
    """The models that the workflow makes by itself."""
    here = tmp_path_factory.mktemp("alone") / "user"
    alone = Clone(shutil.copytree(home.folder.parent / "study", here))
    for name in ("Snakefile", "workflow", "config", "envs"):
        alone.path(name).symlink_to(home.path(name))
    assert alone.snakemake("teachers") == 0, alone.output
    return models(alone)


def test_from_a_folder(home, user, expected):
    importing(user, f'"{home.path("workflow/Snakefile")}"', target="teachers")
    run(user)
    assert models(user) == expected and expected.keys() == TEACHERS
    assert done(user)


def test_from_a_git_repository_with_a_prefix(home, user, expected):
    """All of it, to the certificate, and an audit of what lies there. Snakemake hands out single
    files of a repository, of which the package is written out once."""
    source = f'gitfile("{home.folder}", path="workflow/Snakefile", ref="main")'
    importing(user, source, prefix="their own")
    run(user)
    top = "their own/results"
    before = {"seed1/teachers/2x1/2/1/r0/model.safetensors"}  # which the certificate compares with
    made = models(user, top)
    assert {name: made[name] for name in made.keys() - before} == expected
    assert not user.path("results").exists()
    assert {path.name for path in user.path(top).iterdir()} == {"tiny", "pretrained"}
    assert "started warm" in user.path(f"{top}/tiny/logs/tabulate.log").read_text()
    certificate = yaml.safe_load(user.path(f"{top}/tiny/certificates/r1.json").read_text())
    assert certificate["consistent"] is True
    named = {finding["path"] for finding in certificate["remains"]["findings"]}
    assert f"{top}/tiny/data/records.parquet" in named
    assert done(user)
    run(user, "forget_audit")
    assert f"{top}/tiny/data/records.parquet: " in user.output
    assert home.palimpsest("--help") == 0  # the repository is as it was
    assert git(home, "status", "--porcelain", "--", "workflow/palimpsest") == ""


# what `snakedeploy deploy-workflow https://github.com/owner/name FOLDER --tag v1` writes (0.17.1)
DEPLOYED = """
configfile: "config/config.yaml"

module name:
    snakefile:
        github("owner/name", path="workflow/Snakefile", tag="v1")
    config:
        config

use rule * from name
"""


def test_from_github_as_snakedeploy_does(home, user):
    """Without a network: Snakemake has cloned it before. The studies are those of the copied
    config/, which its user may change, and the first rule is what is made."""
    clones = user.path(".cache/snakemake/snakemake/source-cache/snakemake-git-cache/github.com")
    clones.mkdir(parents=True)
    git(home, "tag", "v1")
    git(home, "clone", "-q", "--bare", ".", str(clones / "owner/name"))
    shutil.copytree(home.path("config"), user.path("config"))
    shutil.copytree(home.path("profiles"), user.path("profiles"))
    user.path("config/config.yaml").write_text("studies: [demo]\n")
    user.path("study.yaml").rename(user.path("config/studies/demo.yaml"))
    user.path("workflow").mkdir()
    user.path("workflow/Snakefile").write_text(DEPLOYED)
    run(user, "data")
    assert user.path("results/tiny/seed1/shards/2x1/1/1/r0.parquet").is_file()
    run(user, "--dry-run")
    assert re.search(r"^train +3$", user.output, flags=re.MULTILINE)


def test_what_belongs_to_a_user_gets_no_prefix(home, user):
    """A start, which is an input, and a ledger and sources, which are none."""
    make_start(user.path("start"))
    study = yaml.safe_load(user.path("study.yaml").read_text())
    user.write_study(study | {"model": {"init": "start"}, "tokenizers": {}})
    importing(user, f'"{home.path("workflow/Snakefile")}"', prefix="out", target="teachers")
    run(user, "--dry-run")
    assert re.search(r"^forget_train +2$", user.output, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("moved", "fine"), [("{'results/': 'out/'}", True), ("{'results/tiny/': 'out/'}", False)]
)
def test_results_may_be_moved_as_a_whole(home, user, moved, fine):
    importing(user, f'"{home.path("workflow/Snakefile")}"\n    replace_prefix: {moved}')
    assert (user.snakemake("--dry-run", study=None) == 0) is fine
    if fine:
        assert "out/tiny/data/records.parquet" in user.output
        assert "results/" not in user.output.replace("results/{", "")
    else:
        assert "moves a part of results/ alone" in user.output


@pytest.mark.parametrize("prefix", ["", "out"])
def test_two_modules_share_what_is_alike(home, user, prefix):
    """One tokenizer of two studies, another one of the same name, one rule changed by its user."""
    study = yaml.safe_load(user.path("study.yaml").read_text())
    words = {"words": STUDY["tokenizers"]["words"] | {"vocab_size": 90}}
    for name, changes in (("other", {}), ("third", {"tokenizers": words})):
        text = yaml.safe_dump(study | {"study": name} | changes)
        user.path(f"{name}.yaml").write_text(text)
    line = f'prefix: "{prefix}"' if prefix else ""
    user.path("Snakefile").write_text(
        "".join(
            f"module {name}:\n    snakefile: '{home.path('workflow/Snakefile')}'\n"
            f"    config: {{'study': '{files}'}}\n    {line}\nuse rule * from {name} as {name}_*\n"
            for name, files in (("a", "study.yaml"), ("b", "other.yaml,third.yaml"))
        )
        + "use rule tokenizer from a as a_tokenizer with:\n    resources: runtime='9h'\n"
        + "use rule train from b as b_train with:\n    resources: runtime='9h'\n"
        + "rule all:\n    default_target: True\n    input: rules.a_all.input, rules.b_all.input\n"
    )
    run(user, "--dry-run")
    counts = dict(re.findall(r"^([ab]_\w+) +(\d+)$", user.output, flags=re.MULTILINE))
    assert counts["a_tokenizer"] == counts["b_tokenizer"] == "1"
    assert (counts["a_train"], counts["b_train"]) == ("3", "6")
    assert f"{Path(prefix, 'results/pretrained')}/{TOKENIZER}/tokenizer.json" in user.output
    assert "Another run is at work" not in user.output


def test_two_versions_are_refused(home, user):
    shutil.copytree(home.path("workflow"), user.path("older/workflow"))
    shutil.copytree(home.path("config"), user.path("older/config"))
    importing(user, f'"{home.path("workflow/Snakefile")}"')
    older = "module older:\n    snakefile: 'older/workflow/Snakefile'\n"
    older += "    config: {'study': 'study.yaml'}\nuse rule * from older as older_*\n"
    user.path("Snakefile").write_text(older + user.path("Snakefile").read_text())
    assert user.snakemake("--dry-run", study=None) != 0
    assert "Two copies of Palimpsest in one workflow" in user.output
    assert "Traceback" not in user.output


def test_a_place_that_has_the_rules_alone_is_refused(home, user):
    """Snakemake fetches single files from such an address: there is no package beside them."""
    (user.path("web")).mkdir()
    source = home.path("workflow/rules/source.smk").read_text()
    user.path("Snakefile").write_text(
        "from snakemake.sourcecache import GenericSourceFile\n"
        + source.replace("workflow.current_basedir", "GenericSourceFile('https://example.org/w')")
    )
    assert user.snakemake("--dry-run", study=None) != 0
    assert "cannot be imported from https://example.org/w" in user.output
    assert "gitfile(...), github(...)" in user.output
