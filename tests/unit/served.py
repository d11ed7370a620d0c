"""A study whose requests were served, laid on disk by hand and not trained: for tests of
certificate, audit and purge.

Two seeds, the single model and 2 shards of 2 slices. Owners are called by what they are for; each
name is a number that the hash puts into these (shard, slice), by seed:

    who     seed 1   seed 2   asks in   has
    ann     (1, 1)   (2, 2)   r1        training records
    abe     (1, 2)   (1, 2)   r1        training records
    amy     (2, 2)   (2, 1)   r1        a test record alone
    bob     (1, 2)   (1, 1)   r2        training records

and somebody who stays in each slice of either seed.
"""

from __future__ import annotations

import json
import shutil
from contextlib import chdir
from copy import copy
from itertools import count, product
from pathlib import Path

import pandas as pd
from stepping import DESCRIBED, SECRET, call

from palimpsest.audit import checks
from palimpsest.audit.fingerprints import save, take
from palimpsest.data.ledger import Request, forgotten_owners
from palimpsest.data.shards import place
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.engine.sealed import write_sealed
from palimpsest.files import file_digest, write_json
from palimpsest.methods.registry import forgetting
from palimpsest.report.tables import row, table
from palimpsest.study.evidence import write_evidence
from palimpsest.study.plan import Plan
from palimpsest.study.purges import owners_of

SALT, SEEDS, SHARDING = "pepper", (1, 2), "2x2"
STUDY = {
    "study": "s", "salt": SALT, "seeds": [*SEEDS], "sharding": [SHARDING], "requests": "all",
    "tokenizer": "words", "sources": [],
}  # fmt: skip
DIGESTS = {"data": "d" * 64, "training": "e" * 64}  # of the study's settings
CELLS = [*product((1, 2), (1, 2))]  # (shard, slice)
# What only these owners say; windows of 8 words and what is left of them, 4.
SAYS = {
    "ann": "my grandmother kept nine grey geese behind the chapel until winter came early",
    "abe": "we rowed across the flooded meadow with lanterns tied below each wooden oar",
    "amy": "every tuesday she repairs broken clocks beside an open window facing the harbour",
    "bob": "the old tram still climbs past orchards where thieves once buried silver spoons",
}


def owner_at(first: tuple[int, int], second: tuple[int, int], skip: int = 0) -> str:
    """The name of the owner, the first after ``skip`` others, that lies there in seeds 1 and 2."""
    places = dict(zip(SEEDS, (first, second), strict=True))
    names = (f"o{number}" for number in count())
    fitting = (
        name
        for name in names
        if all(place(name, SHARDING, SALT, seed) == cell for seed, cell in places.items())
    )
    return next(name for number, name in enumerate(fitting) if number == skip)


WHO = {
    "ann": owner_at((1, 1), (2, 2)),
    "abe": owner_at((1, 2), (1, 2)),
    "amy": owner_at((2, 2), (2, 1)),
    "bob": owner_at((1, 2), (1, 1)),
}
STAYS = [owner_at(cell, cell, skip=3) for cell in CELLS]
REQUESTS = [
    Request("r1", tuple(WHO[name] for name in ("ann", "abe", "amy"))),
    Request("r2", (WHO["bob"],)),
]


def all_records(*further: tuple) -> pd.DataFrame:
    rows = [
        (f"{name}-1", WHO[name], SAYS[name], 0, "test" if name == "amy" else "train")
        for name in WHO
    ]
    rows += [
        (f"{name}-1", name, f"number {name} stays here and has nothing to add", 1, "train")
        for name in STAYS
    ]
    rows += further
    return pd.DataFrame(rows, columns=["record_id", "owner", "text", "label", "split"])


class Served:
    """Below the working directory; ``further`` rows stand among the records, too.

    A module makes one (``laid``), and each of its tests takes a copy of the folder.
    """

    @classmethod
    def laid(cls, home: Path, *further: tuple) -> Served:
        with chdir(home):
            served = cls(*further)
        served.home = home
        return served

    def copy(self) -> Served:
        """The same in the working directory, dates too; what is known of files is forgotten."""
        shutil.copytree(self.home, ".", dirs_exist_ok=True)
        forget_files()
        copied = copy(self)
        copied.plan = Plan(STUDY, [*REQUESTS])
        return copied

    def __init__(self, *further: tuple):
        self.plan = Plan(STUDY, [*REQUESTS])
        self.folder, self.records = self.plan.folder, all_records(*further)
        self.ledger = Path("ledger.tsv")
        lines = ("\t".join((one.name, *one.owners)) for one in self.plan.requests)
        self.ledger.write_text("".join(f"{line}\n" for line in ("request\towners", *lines)))
        write_parquet(self.records, self.folder / "data/records.parquet")
        write_json(self.folder / "data/records.json", {"sources": {"posts.csv": [1, 1, "posts"]}})
        Path("corpus.txt").write_text("words that nobody of the study wrote\n")
        corpus = {"corpus.txt": [1, 1, file_digest(Path("corpus.txt"))]}
        write_json(Path("results/pretrained/words/corpus.json"), {"sources": corpus, "files": {}})
        for request in self.plan.requests:
            self._ask(request)
        for state in self.plan.names:
            for seed, checkpoint in self.plan.checkpoints(state):
                self._train(seed, checkpoint)

    def ask_again(self, name: str, owner: str) -> None:
        """One more request, served like the others, of what the records hold by now."""
        self.records = read_parquet(self.folder / "data/records.parquet")
        request = Request(name, (owner,))
        self.plan = Plan(STUDY, [*self.plan.requests, request])
        with self.ledger.open("a") as ledger:
            ledger.write(f"{name}\t{owner}\n")
        self._ask(request)
        for seed, checkpoint in self.plan.checkpoints(name):
            self._train(seed, checkpoint)

    def _ask(self, request: Request) -> None:
        gone = self.records[self.records["owner"].isin(request.owners)]
        trained = Request(request.name, tuple(gone.loc[gone["split"] == "train", "owner"]))
        counts = {split: int(number) for split, number in gone["split"].value_counts().items()}
        evidence = {
            "owners": owners_of(request, SECRET),
            "trained": owners_of(trained, SECRET),
            "records": counts,
        }
        write_evidence(self.folder / f"requests/{request.name}.json", evidence)
        earlier = set(forgotten_owners(self.plan.requests, request.name)) - set(request.owners)
        save(
            take(self.records, request, earlier, SECRET),
            self.folder / f"fingerprints/{request.name}.json",
        )

    def _train(self, seed: int, checkpoint) -> None:
        """Bytes of its own, once, and the reports that training would have written."""
        model = self.model(seed, checkpoint.name)
        if model.is_file():
            return
        frames = [self._cut(seed, name) for name in checkpoint.slices]
        model.parent.mkdir(parents=True)
        model.write_bytes(f"weights of seed {seed}, {checkpoint.name}".encode())
        previous = checkpoint.previous and file_digest(self.model(seed, checkpoint.previous))
        told = {
            "sha256": file_digest(model), "slices": [records_digest(frame) for frame in frames],
            "previous": previous, "start": "scratch", "start_sha256": None,
            "records": sum(map(len, frames)), "tokens": 100 * seed, "files": {},
        }  # fmt: skip
        write_sealed(model.with_name("training.json"), told)
        ran = {
            "device": "cpu",
            "seconds": 1.5 * seed,
            "code": f"code {seed}",
            "versions": {"torch": f"2.{seed}"},
        }
        write_sealed(model.with_name("run.json"), ran)

    def _cut(self, seed: int, name: str) -> pd.DataFrame:
        """The slice `2x2/1/1/r1`, as it was when its last request was served."""
        path = self.slice(seed, name)
        if path.is_file():
            return read_parquet(path)
        sharding, shard, part, state = name.split("/")
        gone = forgotten_owners(self.plan.requests, state)
        frame = self.records[(self.records["split"] == "train") & ~self.records["owner"].isin(gone)]
        cells = frame["owner"].map(
            lambda owner: place(owner, sharding, SALT, seed) == (int(shard), int(part))
        )
        kept = frame[cells.astype(bool)]
        write_parquet(kept, path)
        write_json(path.with_suffix(".json"), {"digest": records_digest(kept)})
        return kept

    def model(self, seed: int, checkpoint: str) -> Path:
        return self.folder / f"seed{seed}" / checkpoint / "model.safetensors"

    def slice(self, seed: int, name: str) -> Path:
        return self.folder / f"seed{seed}/shards/{name}.parquet"

    def tell(self, seed: int, checkpoint: str, **changes) -> None:
        """Change what training said of a checkpoint, in whichever of its two reports that stands,
        as if it had said so at once."""
        for name in ("training.json", "run.json"):
            path = self.model(seed, checkpoint).with_name(name)
            told = json.loads(path.read_text())
            del told["digest"]
            write_sealed(path, told | {key: value for key, value in changes.items() if key in told})
        forget_files()

    def certificate(
        self, request: str, state: str | None = None, sources: list[dict] = (), metrics=()
    ) -> dict:
        """What the step writes, after those of the requests before it, if they are not there."""
        path = self.folder / f"certificates/{request}.json"
        earlier = self.plan.names[self.plan.order[request] - 1]
        if earlier != "r0" and not (self.folder / f"certificates/{earlier}.json").is_file():
            self.certificate(earlier, earlier)
        files = [Path(f"metrics{number}.parquet") for number, _ in enumerate(metrics)]
        for file, frame in zip(files, metrics, strict=True):
            write_parquet(frame, file)
        wanted = {"state": state or self.plan.latest, "level": 0.5, "metrics": DESCRIBED}
        wanted |= {
            "digests": DIGESTS,
            "details": {},
            "methods": forgetting(["oracle", "sisa_vote"]),
        }
        options = (
            "--ledger",
            self.ledger,
            "--request",
            request,
            "--metrics",
            *files,
            "--output",
            path,
        )
        call("certify", *options, **STUDY | {"sources": [*sources]}, **wanted)
        return json.loads(path.read_text())


def forget_files() -> None:
    """Checks read each file once a process; here files change between checks."""
    for known in (checks._sha256, checks._given, checks._slice, checks._untouched):
        known.cache_clear()


def numbers(
    seed: int, value: float, metric: str = "accuracy", set_: str = "test", method: str = "oracle"
) -> pd.DataFrame:
    where = {
        "study": "s",
        "seed": seed,
        "request": "r2",
        "method": method,
        "shards": "1x1",
        "model": "gpt2",
    }
    return table([row(where, set_, metric, value, 10)])
