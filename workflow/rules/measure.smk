# Scores, decisions and training reports -> numbers -> the one tidy table.


rule measure:
    input:
        files("measure"),
        decisions=paths.DECISIONS,
        rules=paths.RULES,
        index=paths.INDEX,
    output:
        paths.METRICS,
    log:
        "results/{study}/logs/measure/seed{seed}/{method}/{state}.log",
    wildcard_constraints:
        study=of_track("classification"),
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500, tables=20),
        runtime="30m",
    params:
        settings=settings("measure"),
        counts=counts("measure"),
        arguments=arguments("measure"),
    message:
        "Measuring {wildcards.method} in {wildcards.state} of {wildcards.study}, seed"
        " {wildcards.seed}"
    shell:
        "python -m palimpsest measure --settings {params.settings:q}"
        " --decisions {input.decisions:q} --rules {input.rules:q} {params.arguments}"
        " --index {input.index:q} --output {output:q} > {log:q} 2>&1"


rule remember:
    input:
        files("remember"),
        index=paths.INDEX,
    output:
        numbers=paths.METRICS,
        truth=paths.TRUTH,
    log:
        "results/{study}/logs/remember/seed{seed}/{method}/{state}.log",
    wildcard_constraints:
        study=of_track("causal"),
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500, tables=20),
        runtime="30m",
    params:
        settings=settings("remember"),
        counts=counts("remember"),
        arguments=arguments("remember"),
    message:
        "Measuring what {wildcards.method} remembers in {wildcards.state} of {wildcards.study},"
        " seed {wildcards.seed}"
    shell:
        "python -m palimpsest remember --settings {params.settings:q}"
        " --heldout {input.heldout:q} --trained {input.trained:q} --index {input.index:q}"
        " {params.arguments} --truth {output.truth:q} --output {output.numbers:q} > {log:q} 2>&1"


rule membership:
    input:
        files("membership"),
        index=paths.INDEX,
    output:
        paths.MEMBERSHIP,
    log:
        "results/{study}/logs/membership/seed{seed}/{sharding}/{state}.log",
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500, tables=20),
        runtime="30m",
    params:
        settings=settings("membership"),
        counts=counts("membership"),
        arguments=arguments("membership"),
    message:
        "Telling members by {wildcards.sharding}, before and after {wildcards.state} of"
        " {wildcards.study}, seed {wildcards.seed}"
    shell:
        "python -m palimpsest membership --settings {params.settings:q} --index {input.index:q}"
        " {params.arguments}"
        " --forget-before {input.forget_before:q} --heldout-before {input.heldout_before:q}"
        " --forget-after {input.forget_after:q} --heldout-after {input.heldout_after:q}"
        " --output {output:q} > {log:q} 2>&1"


# Of what a method made, beside what it started from.
use rule membership as membership_of_method with:
    input:
        files("membership_of_method"),
        index=paths.INDEX,
    output:
        paths.MEMBERSHIP_OF_METHOD,
    log:
        "results/{study}/logs/membership/seed{seed}/{method}/{state}.log",
    params:
        settings=settings("membership_of_method"),
        counts=counts("membership_of_method"),
        arguments=arguments("membership_of_method"),
    message:
        "Telling members by {wildcards.method}, before and after {wildcards.state} of"
        " {wildcards.study}, seed {wildcards.seed}"


rule cost:
    input:
        files("cost"),
        full=f"{paths.SEED}/oracle/{{state}}/training.json",
        evidence=paths.REQUEST.replace("{request}", "{state}"),
    output:
        paths.COST,
    log:
        "results/{study}/logs/cost/seed{seed}/{sharding}/{state}.log",
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="10m",
    params:
        settings=settings("cost"),
        counts=counts("cost"),
    message:
        "What {wildcards.state} of {wildcards.study} cost {wildcards.sharding}, seed"
        " {wildcards.seed}"
    shell:
        "python -m palimpsest cost --settings {params.settings:q} --full {input.full:q}"
        " --evidence {input.evidence:q} --trained {input.trained:q} --output {output:q}"
        " > {log:q} 2>&1"


# What a method trained for a request: its model, and those that it had trained beside it.
use rule cost as cost_of_method with:
    input:
        files("cost_of_method"),
        full=f"{paths.SEED}/oracle/{{state}}/training.json",
        evidence=paths.REQUEST.replace("{request}", "{state}"),
    output:
        paths.COST_OF_METHOD,
    log:
        "results/{study}/logs/cost/seed{seed}/{method}/{state}.log",
    params:
        settings=settings("cost_of_method"),
        counts=counts("cost_of_method"),
    message:
        "What {wildcards.state} of {wildcards.study} cost {wildcards.method}, seed {wildcards.seed}"


rule tabulate:
    input:
        files("tabulate"),
    output:
        parquet=paths.TABLE,
        csv=paths.TABLE_CSV,
        summary=paths.SUMMARY,
        html=report(
            paths.SUMMARY_PAGE,
            category="Tables",
            labels={"table": "summary", "study": "{study}"},
            caption="../report/summary.rst",
        ),
    log:
        "results/{study}/logs/tabulate.log",
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500, tables=20),
        runtime="30m",
    params:
        settings=settings("tabulate"),
        counts=counts("tabulate"),
    message:
        "Putting all numbers of {wildcards.study} into one table"
    shell:
        "python -m palimpsest tabulate --settings {params.settings:q} --metrics {input.metrics:q}"
        " --parquet {output.parquet:q} --csv {output.csv:q} --summary {output.summary:q}"
        " --html {output.html:q} > {log:q} 2>&1"
