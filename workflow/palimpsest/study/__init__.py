"""A study: its YAML, checked; which states it has; what each job needs; every path.

Asked while the graph is built, so nothing heavy is imported, and no Snakemake.
"""
