# Entry point of `snakemake` in this folder; the workflow is workflow/Snakefile.
include: "workflow/Snakefile"


workflow.default_target = "all"
