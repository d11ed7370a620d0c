"""Which code writes a certificate: a commit where the package is that commit's, else none; and a
digest of the package in any case."""

from __future__ import annotations

import subprocess

import pytest

from palimpsest.engine import release as module
from palimpsest.engine.release import release


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules in a repository of its own, all committed; git(...) runs there."""
    folder = tmp_path / "repository/workflow/palimpsest"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "code.py").write_text("x = 1\n")
    monkeypatch.setattr(module, "PACKAGE", folder)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(folder), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    return folder, git


def test_a_package_as_it_was_committed_is_known_by_its_commit(package):
    folder, git = package
    git("init", "-q", str(folder.parents[1]))
    git("add", ".")
    git("commit", "-qm", "one")
    (folder.parents[1] / "notes.txt").write_text("beside the package")
    known = release()
    assert known["commit"] == git("rev-parse", "HEAD") and len(known["package"]) == 64
    (folder / "code.py").write_text("x = 2\n")
    changed = release()
    assert changed["commit"] is None and changed["package"] != known["package"]
    (folder / "code.py").write_text("x = 1\n")
    assert release() == known
    (folder / "more.py").write_text("")
    assert release()["commit"] is None


def test_the_repository_of_another_project_is_not_its_own(package):
    """As where the package is installed in a project's environment, which git does not track."""
    folder, git = package
    git("init", "-q", str(folder.parents[1]))
    (folder.parents[1] / ".gitignore").write_text("workflow\n")
    git("add", str(folder.parents[1] / ".gitignore"))
    git("commit", "-qm", "another project")
    assert release()["commit"] is None


def test_without_git_or_a_repository_there_is_no_commit(package, monkeypatch):
    assert release()["commit"] is None
    monkeypatch.setenv("PATH", "")
    assert release()["commit"] is None


def test_variables_of_git_lead_to_no_other_repository(package, tmp_path, monkeypatch):
    """Git sets them in its hooks."""
    folder, git = package
    git("init", "-q", str(folder.parents[1]))
    git("add", ".")
    git("commit", "-qm", "one")
    commit = git("rev-parse", "HEAD")
    other = tmp_path / "other"
    subprocess.run(["git", "clone", "-q", folder.parents[1], other], check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", other, *who, "commit", "-q", "--allow-empty", "-m", "two"]
    subprocess.run(command, check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(folder.parents[1]))
    assert release()["commit"] == commit
