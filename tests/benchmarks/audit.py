"""Processor seconds in which an audit reads a GB, and what it finds in files that hold nothing.

Run by hand: ``python tests/benchmarks/audit.py [--megabytes N] [--results FOLDER]``. How to read
it: one line a kind of file, of texts and numbers that are drawn at random; *false alarms* are files
in which passages of a hundred records were found that nobody wrote there. With ``--results`` the
files below a folder are read, too; what is found there may be true.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import io
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from palimpsest.audit.fingerprints import Fingerprint
from palimpsest.audit.look import Audit
from palimpsest.audit.passages import Passages, runs, windows
from palimpsest.randomness import numpy_generator

VOCABULARY, SENTENCE, RECORDS = 3000, 14, 100


def texts(draw: np.random.Generator, count: int) -> list[str]:
    """Sentences of words as unlike in frequency as those of a language."""
    numbers = (VOCABULARY * draw.random((count, SENTENCE)) ** 3).astype(int)
    return [" ".join(f"w{number:x}" for number in row) + "." for row in numbers]


def parquet(**columns) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def files(draw: np.random.Generator, size: int) -> dict[str, bytes]:
    """Kind -> about ``size`` bytes of it, before anything is packed."""
    some = texts(draw, size // (4 * SENTENCE))
    numbers = draw.random(size // 32 * 4)
    table = "\n".join(",".join(map(str, row)) for row in numbers.reshape(-1, 4)[: size // 72])
    rows = [{"record_id": f"r-{n}", "text": text} for n, text in enumerate(some)]
    plain = "\n".join(some).encode()
    return {
        "text": plain,
        "jsonl": "\n".join(map(json.dumps, rows)).encode(),
        "html": "".join(f"<p>{text.replace(' ', ' <b>x</b> ')}</p>" for text in some).encode(),
        "csv of numbers": table.encode(),
        "parquet of texts": parquet(text=some),
        "parquet of scores": parquet(score=numbers),
        "gzip": gzip.compress(plain, 1),
        "base64": base64.encodebytes(plain),
        "bytes at random": draw.bytes(size),
    }  # fmt: skip


def audit_of(records: list[str]) -> Audit:
    passages = Passages.of(
        (run for text in records for cut in (windows, runs) for run in cut(text)), "salt"
    )
    return Audit([Fingerprint("r1", (), frozenset(), passages, len(records), 0)], {}, {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=8)
    parser.add_argument("--results", type=Path)
    args = parser.parse_args()
    draw = numpy_generator("benchmark", "audit")
    forgotten = texts(draw, RECORDS)
    print(f"{'kind':20}{'MB':>8}{'CPU-s/GB':>12}{'false alarms':>14}")
    with tempfile.TemporaryDirectory() as folder:
        for kind, data in files(draw, args.megabytes << 20).items():
            place = Path(folder, kind)
            place.mkdir()
            (place / "file").write_bytes(data)
            tell(kind, forgotten, place)
    if args.results:
        tell(str(args.results), forgotten, args.results)


def tell(kind: str, forgotten: list[str], place: Path) -> None:
    audit = audit_of(forgotten)
    start = time.process_time()
    report = audit.run([place])
    seconds = time.process_time() - start
    each = seconds / report.bytes * 1e9
    print(f"{kind:20}{report.bytes / 1e6:8.1f}{each:12.0f}{len(report.findings):14}")


if __name__ == "__main__":
    main()
