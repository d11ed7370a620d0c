"""Readers: from the files of a source to the rows of a study. One file a reader, and one line in
this dict, which names modules:

    read(data, paths)         -> (rows with columns of storage.COLUMNS and others to keep, the
                              section `data` with the reader's defaults)
    candidates(data, paths)   -> other completions of records (data/candidates.py); `no_candidates`
                              where there are none

data: the section `data` of a study; paths: the files of its sources.
"""

from __future__ import annotations

READERS = {
    name: f"palimpsest.data.readers.{name}"
    for name in (
        *("table", "forum", "hatexplain", "people", "tofu", "canaries"),
        *("facts", "harmful", "novels"),
        *("pronouns", "stereotypes"),
    )
}
# Their records have the columns `spans`, where names stand, and `names`, all that may stand there.
NAMING = ("novels",)
