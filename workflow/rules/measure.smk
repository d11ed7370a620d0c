# Scores, decisions and training reports -> numbers -> the one tidy table.


rule measure:
    input:
        files("measure"),
        index=paths.INDEX,
    output:
        numbers=paths.METRICS,
        single=paths.ITEMS,
    log:
        "results/{study}/logs/measure/seed{seed}/{method}/{state}.log",
    group:
        submission("measure")
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("measure"),
        counts=counts("measure"),
        arguments=arguments("measure"),
    message:
        "Measuring {wildcards.method} in {wildcards.state} of {wildcards.study}, seed"
        " {wildcards.seed}"
    shell:
        "python -m palimpsest measure --settings {params.settings:q} {params.arguments}"
        " --index {input.index:q} --items {output.single:q} --output {output.numbers:q}"
        " > {log:q} 2>&1"


# Among the trials of a method, by records that no reported number counts.
rule choose:
    input:
        files("choose"),
    output:
        paths.CHOICE,
    log:
        "results/{study}/logs/choose/seed{seed}/{method}/{state}.log",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(3),
    params:
        settings=settings("choose"),
        counts=counts("choose"),
    message:
        "Choosing the settings of {wildcards.method} for {wildcards.state} of {wildcards.study}"
    shell:
        "python -m palimpsest choose --settings {params.settings:q} --numbers {input.numbers:q}"
        " --training {input.training:q} --output {output:q} > {log:q} 2>&1"


# Numbers of a request from the scores before it and after it.
rule measure_around:
    input:
        files("measure_around"),
        index=paths.INDEX,
    output:
        paths.AROUND,
    log:
        "results/{study}/logs/{around}/seed{seed}/{who}/{state}.log",
    group:
        submission("measure_around")
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("measure_around"),
        counts=counts("measure_around"),
        arguments=arguments("measure_around"),
    message:
        "Measuring {wildcards.around} by {wildcards.who}, before and after {wildcards.state} of"
        " {wildcards.study}, seed {wildcards.seed}"
    shell:
        "python -m palimpsest measure --settings {params.settings:q} {params.arguments}"
        " --index {input.index:q} --output {output:q} > {log:q} 2>&1"


# Numbers that the models of all seeds have together.
rule measure_across:
    input:
        files("measure_across"),
        index=paths.INDEX,
    output:
        paths.ACROSS,
    log:
        "results/{study}/logs/{across}/{state}.log",
    group:
        submission("measure_across")
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("measure_across"),
        counts=counts("measure_across"),
        arguments=arguments("measure_across"),
    message:
        "Comparing the models of all seeds in {wildcards.state} of {wildcards.study}"
    shell:
        "python -m palimpsest measure --settings {params.settings:q} {params.arguments}"
        " --index {input.index:q} --output {output:q} > {log:q} 2>&1"


rule cost:
    input:
        files("cost"),
        full=f"{paths.ORACLE}/{paths.REPORT}",
        evidence=paths.REQUEST.replace("{request}", "{state}"),
    output:
        paths.COST,
    log:
        "results/{study}/logs/cost/seed{seed}/{sharding}/{state}.log",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(3),
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


# What a method trained for a request: its model, and its auxiliaries.
use rule cost as cost_of_method with:
    input:
        files("cost_of_method"),
        full=f"{paths.ORACLE}/{paths.REPORT}",
        evidence=paths.REQUEST.replace("{request}", "{state}"),
    output:
        paths.COST_OF_METHOD,
    log:
        "results/{study}/logs/cost/seed{seed}/{method}/{state}.log",
    localrule: True
    params:
        settings=settings("cost_of_method"),
        counts=counts("cost_of_method"),
    message:
        "What {wildcards.state} of {wildcards.study} cost {wildcards.method}, seed {wildcards.seed}"


rule tabulate:
    input:
        files("tabulate"),
        described=paths.DESCRIBED,
        index=paths.INDEX,
        groups=paths.GROUPS,
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
        # a part of the first page of the report
        findings=paths.FINDINGS,
    log:
        "results/{study}/logs/tabulate.log",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("tabulate"),
        counts=counts("tabulate"),
        arguments=arguments("tabulate"),
    message:
        "Putting all numbers of {wildcards.study} into one table"
    shell:
        "python -m palimpsest tabulate --settings {params.settings:q} --metrics {input.metrics:q}"
        " --evidence {input.evidence:q} --data {input.data:q} --described {input.described:q}"
        " --index {input.index:q} --groups {input.groups:q}"
        " {params.arguments} --parquet {output.parquet:q} --csv {output.csv:q} --summary {output.summary:q}"
        " --html {output.html:q} --findings {output.findings:q} > {log:q} 2>&1"
