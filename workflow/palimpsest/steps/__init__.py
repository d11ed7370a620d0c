"""The steps that rules call, one module each, in the order in which a record meets them.

A step has ``add_arguments(parser)`` and ``run(arguments)``; `arguments.settings` is a plain mapping.
"""

STEPS = (
    "fetch",
    "records",
    "index",
    "request",
    "slice",
    "probe",
    "tokenizer",
    "train",
    "score",
    "decide",
    "epsilon",
    "measure",
    "membership",
    "cost",
    "tabulate",
    "draw",
    "readme",
)
