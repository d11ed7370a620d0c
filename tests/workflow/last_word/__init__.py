"""last_word: a model that reads a text and says its last token."""

from palimpsest.tracks import Track

TRACK = Track(
    fields=("text",),
    metrics=("probability",),
    measured=("heldout", "trained", "forget"),
    sets=("heldout", "trained"),
    scored="state",
)
