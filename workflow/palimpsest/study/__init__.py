"""A study: its YAML, checked; which versions it needs; what each job needs; every path.

Asked while the graph is built, so nothing heavy is imported, and no Snakemake.
"""
