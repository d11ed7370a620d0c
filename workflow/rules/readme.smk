# Generated parts of this repository's pages: run `snakemake readme` after the demo's results have
# changed.
import shlex

from palimpsest.methods.registry import METHODS, facts
from palimpsest.study.wants.want import as_json, digest_of

IMAGES = "workflow/report/images"
KEPT = "docs/results/hatexplain"
FORGETTING = "docs/results/tofu-small"


rule readme:
    input:
        "README.md",
        "config/README.md",
    localrule: True
    message:
        "README.md and config/README.md show the present results and keys"


# The graph of this workflow, made by Snakemake itself: the one place where a rule calls it.
rule rulegraph:
    input:
        "workflow/Snakefile",
        sorted(one.relative_to(ROOT).as_posix() for one in (ROOT / "workflow/rules").glob("*.smk")),
    output:
        "results/demo/rulegraph.dot",
    log:
        "results/demo/logs/rulegraph.log",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    params:
        # The one that runs now: environments of rules have none. Derived from `input`, since its
        # path is no reason to run.
        snakemake=lambda wildcards, input: f"{shlex.quote(sys.executable)} -m snakemake",
    message:
        "Drawing up the graph of rules"
    shell:
        "{params.snakemake} --nolock --rulegraph dot all > {output:q} 2> {log:q}"


# update(): the page exists already, and only its blocks are replaced.
rule front_page:
    input:
        metrics="results/demo/tables/metrics.parquet",
        memorization="results/people/tables/metrics.parquet",
        kept=f"{KEPT}/metrics.csv",
        provenance=f"{KEPT}/provenance.json",
        forgetting=[f"{FORGETTING}/metrics.csv", f"{FORGETTING}/provenance.json"],
        frontier="results/people/figures/frontier.svg",
        rulegraph="results/demo/rulegraph.dot",
    output:
        page=update("README.md"),
        tradeoff=f"{IMAGES}/tradeoff.svg",
        depth=f"{IMAGES}/depth.svg",
        frontier=f"{IMAGES}/frontier.svg",
        rulegraph=f"{IMAGES}/rulegraph.svg",
    log:
        "results/demo/logs/readme.log",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    params:
        settings=lambda wildcards: as_json(
            {
                "states": BY_NAME["demo"].plan.shown,
                "methods": facts(METHODS),
                "family": BY_NAME["demo"].config["fairness"]["groups"][0],
                **BY_NAME["demo"].chosen("figures", "width", "dpi"),
                "stages": [[one.name, Path(one.snakefile).stem] for one in workflow.rules],
            }
        ),
        code=digest_of("readme"),
    message:
        "Writing the tables and pictures of README.md"
    shell:
        "python -m palimpsest readme --settings {params.settings:q} --page {output.page:q}"
        " --metrics {input.metrics:q} --memorization {input.memorization:q}"
        " --kept {input.kept:q} --provenance {input.provenance:q} --tradeoff {output.tradeoff:q}"
        " --forgetting {input.forgetting:q} --depth {output.depth:q}"
        " --rulegraph {input.rulegraph:q} --picture {output.rulegraph:q} > {log:q} 2>&1"
        " && cp {input.frontier:q} {output.frontier:q}"


rule config_page:
    input:
        "workflow/palimpsest/schemas/study.schema.yaml",
    output:
        update("config/README.md"),
    log:
        "results/demo/logs/config_page.log",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    params:
        code=digest_of("readme"),
    message:
        "Writing the table of keys of config/README.md"
    shell:
        "python -m palimpsest readme --keys --page {output:q} > {log:q} 2>&1"
