# The pages of this repository that show what the workflow knows: run `snakemake readme` after the demo's results have changed.
IMAGES = "workflow/report/images"


rule readme:
    input:
        "README.md",
        "config/README.md",
    localrule: True


# A graph of this very workflow, so Snakemake draws it up itself: the one place where a rule calls it.
rule rulegraph:
    input:
        "Snakefile",
        sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "workflow/rules").rglob("*.smk")),
    output:
        "results/{study}/rulegraph.dot",
    log:
        "results/{study}/logs/rulegraph.log",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    params:
        # As it runs now: the environment of a rule has none. Derived from `input`, since another place of it is no reason to run.
        snakemake=lambda wildcards, input: f"{shlex.quote(sys.executable)} -m snakemake",
    shell:
        "{params.snakemake} --nolock --rulegraph dot all > {output:q} 2> {log:q}"


# update(): the page is there before, and only its blocks are written anew.
rule front_page:
    input:
        metrics="results/demo/tables/metrics.parquet",
        remembered="results/people/tables/metrics.parquet",
        tradeoff="results/demo/figures/tradeoff.svg",
        frontier="results/people/figures/frontier.svg",
        rulegraph="results/demo/rulegraph.dot",
    output:
        page=update("README.md"),
        tradeoff=f"{IMAGES}/tradeoff.svg",
        frontier=f"{IMAGES}/frontier.svg",
        rulegraph=f"{IMAGES}/rulegraph.svg",
    log:
        "results/demo/logs/readme.log",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    params:
        settings=lambda w: settings(
            states=PLAN.shown,
            methods=facts(METHODS),
            family=STUDY["fairness"]["groups"][0],
            stages=[[r.name.removeprefix("also_"), Path(r.snakefile).stem] for r in workflow.rules],
        ),
        code=code("readme"),
    shell:
        "python -m palimpsest readme --settings {params.settings:q} --page {output.page:q} --metrics {input.metrics:q}"
        " --remembered {input.remembered:q} --rulegraph {input.rulegraph:q} --picture {output.rulegraph:q} > {log:q} 2>&1"
        " && cp {input.tradeoff:q} {output.tradeoff:q} && cp {input.frontier:q} {output.frontier:q}"


rule config_page:
    input:
        "workflow/schemas/study.schema.yaml",
    output:
        update("config/README.md"),
    log:
        "results/demo/logs/config_page.log",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    params:
        code=code("readme"),
    shell:
        "python -m palimpsest readme --keys --page {output:q} > {log:q} 2>&1"
