"""The figures by name, and what each shows in words.

A figure is a module of plots/ with `select` (metrics, epsilon, settings -> its small table, see
selections.py) and `draw` (table, style).
"""

FIGURES: dict[str, str] = {
    "tradeoff": "Accuracy against equalized-odds gap of each method",
    "groups": "True and false positive rate per group, before and after post-processing",
    "shards": "Accuracy and gap over the number of shards",
    "cost": "Tokens retrained per request against full retraining",
    "epsilon": "Cost over the allowed gap",
    "membership": "Membership inference on the forgotten records, before and after",
    "frontier": "Forgetting against utility, with the base and the oracle",
    "sequence": "Requests served one after another against all at once",
    "curves": "Perplexity of forgotten and of retained text while methods train",
    "truth_ratio": "How far models prefer true answers to false ones",
    "canaries": "Exposure of planted secrets over how often they stood in the text",
    "profile": "Distance of every number from the oracle's",
}
