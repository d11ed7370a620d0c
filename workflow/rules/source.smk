# Where the files of this workflow lie. Jobs need them as files, and the package without its being
# installed; so what a `module` takes from a git repository is written below Snakemake's cache, one
# folder a commit.
import io
import os
import sys
import tarfile
import tempfile
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import HostingProviderFile, LocalGitFile, LocalSourceFile


def source_root(rules):
    """The folder above workflow/ and config/, by the folder of the rules as Snakemake knows it."""
    if isinstance(rules, LocalSourceFile):
        return Path(rules.get_path_or_uri(secret_free=True)).resolve().parents[1]
    if isinstance(rules, LocalGitFile):
        import git

        return checked_out(git.Repo(rules.repo_path), rules)
    if isinstance(rules, HostingProviderFile):
        return checked_out(rules.hosted_repo.repo, rules)
    raise WorkflowError(
        f"Palimpsest cannot be imported from {rules}: its package must come with its rules. Name a "
        "local path, or gitfile(...), github(...) or gitlab(...)."
    )


def checked_out(repository, rules):
    commit = repository.commit(rules.ref).hexsha
    above = Path(rules.path).parents[1]
    kept = workflow.sourcecache.cache_path / "palimpsest"
    folder = kept / "-".join([commit, *above.parts])
    if not folder.is_dir():
        archive = io.BytesIO()
        tree = f"{commit}:{above.as_posix() if above.parts else ''}"
        repository.archive(archive, tree, path=["workflow", "config"])
        archive.seek(0)
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept) as beside:
            with tarfile.open(fileobj=archive) as files:
                files.extractall(f"{beside}/all", filter="data")
            try:
                os.rename(f"{beside}/all", folder)
            except OSError:
                if not folder.is_dir():  # another run was faster
                    raise
    return folder


ROOT = source_root(workflow.current_basedir)
PACKAGE = str(ROOT / "workflow")
found = sys.modules.get("palimpsest")
if found and not Path(found.__file__).is_relative_to(PACKAGE):
    raise WorkflowError(
        f"Two copies of Palimpsest in one workflow: {Path(found.__file__).parent} and "
        f"{PACKAGE}/palimpsest. Import the same version in each `module`."
    )
sys.path.insert(0, PACKAGE)
known = list(filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))
os.environ.update(PYTHONPATH=os.pathsep.join(dict.fromkeys([PACKAGE, *known])))
