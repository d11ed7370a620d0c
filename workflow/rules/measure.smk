# Scores, decisions and training reports -> numbers -> the one tidy table.


if TRACK == "causal":

    rule remember:
        input:
            heldout=told_files("heldout"),
            trained=told_files("trained"),
            forget=told_files("forget"),
            oracle=told_oracle,
            oracle_heldout=told_oracle_heldout,
            base=told_base,
            index="results/{study}/data/index.parquet",
        output:
            numbers="results/{study}/seed{seed}/metrics/{method}/{state}.parquet",
            truth="results/{study}/seed{seed}/truth/{method}/{state}.parquet",
        log:
            "results/{study}/logs/remember/seed{seed}/{method}/{state}.log",
        wildcard_constraints:
            method=LIVE_METHOD,
        conda:
            "../../envs/plot.yaml"
        resources:
            mem_mb=memory(1500),
            runtime="30m",
        params:
            settings=remember_settings,
            scores=remember_options,
            ledger=ledger_option,
            owners=forgotten,
            code=code("remember"),
        shell:
            "python -m palimpsest remember --settings {params.settings:q} --heldout {input.heldout:q} --trained {input.trained:q}"
            " {params.scores} --index {input.index:q} {params.ledger} --truth {output.truth:q} --output {output.numbers:q} > {log:q} 2>&1"

else:

    rule measure:
        input:
            decisions="results/{study}/seed{seed}/decisions/{method}/{state}.parquet",
            rules="results/{study}/seed{seed}/decisions/{method}/{state}.json",
            oracle=oracle_decisions,
            index="results/{study}/data/index.parquet",
        output:
            "results/{study}/seed{seed}/metrics/{method}/{state}.parquet",
        log:
            "results/{study}/logs/measure/seed{seed}/{method}/{state}.log",
        wildcard_constraints:
            method=LIVE_METHOD,
        conda:
            "../../envs/plot.yaml"
        resources:
            mem_mb=memory(1500),
            runtime="30m",
        params:
            settings=measure_settings,
            oracle=oracle_option,
            code=code("measure"),
        shell:
            "python -m palimpsest measure --settings {params.settings:q} --decisions {input.decisions:q} --rules {input.rules:q}"
            " {params.oracle} --index {input.index:q} --output {output:q} > {log:q} 2>&1"


rule membership:
    input:
        forget_before=forget_before,
        forget_after=forget_after,
        heldout_before=heldout_before,
        heldout_after=heldout_after,
        index="results/{study}/data/index.parquet",
    output:
        "results/{study}/seed{seed}/metrics/membership-{sharding}/{state}.parquet",
    log:
        "results/{study}/logs/membership/seed{seed}/{sharding}/{state}.log",
    wildcard_constraints:
        state=COMPARED_STATE,
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        settings=membership_settings,
        ledger=ledger_option,
        owners=forgotten,
        code=code("membership"),
    shell:
        "python -m palimpsest membership --settings {params.settings:q} --index {input.index:q} {params.ledger}"
        " --forget-before {input.forget_before:q} --heldout-before {input.heldout_before:q}"
        " --forget-after {input.forget_after:q} --heldout-after {input.heldout_after:q} --output {output:q} > {log:q} 2>&1"


# Of what a method made, beside what it started from.
rule membership_of_method:
    input:
        forget_before=method_scored("before", "forget"),
        forget_after=method_scored("after", "forget"),
        heldout_before=method_scored("before", "heldout"),
        heldout_after=method_scored("after", "heldout"),
        index="results/{study}/data/index.parquet",
    output:
        "results/{study}/seed{seed}/metrics/membership-{method}/{state}.parquet",
    log:
        "results/{study}/logs/membership/seed{seed}/{method}/{state}.log",
    wildcard_constraints:
        state=COMPARED_STATE,
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        settings=membership_of_method_settings,
        ledger=ledger_option,
        owners=forgotten,
        code=code("membership"),
    shell:
        "python -m palimpsest membership --settings {params.settings:q} --index {input.index:q} {params.ledger}"
        " --forget-before {input.forget_before:q} --heldout-before {input.heldout_before:q}"
        " --forget-after {input.forget_after:q} --heldout-after {input.heldout_after:q} --output {output:q} > {log:q} 2>&1"


rule cost:
    input:
        full="results/{study}/seed{seed}/oracle/{state}/training.json",
        evidence="results/{study}/requests/{state}.json",
        trained=trained_reports,
    output:
        "results/{study}/seed{seed}/metrics/cost-{sharding}/{state}.parquet",
    log:
        "results/{study}/logs/cost/seed{seed}/{sharding}/{state}.log",
    wildcard_constraints:
        state=COMPARED_STATE,
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="10m",
    params:
        settings=cost_settings,
        code=code("cost"),
    shell:
        "python -m palimpsest cost --settings {params.settings:q} --full {input.full:q} --evidence {input.evidence:q}"
        " --trained {input.trained:q} --output {output:q} > {log:q} 2>&1"


# What a method trained for a request: its model, and those that it had trained beside it.
rule cost_of_method:
    input:
        full="results/{study}/seed{seed}/oracle/{state}/training.json",
        evidence="results/{study}/requests/{state}.json",
        trained=method_reports,
    output:
        "results/{study}/seed{seed}/metrics/cost-{method}/{state}.parquet",
    log:
        "results/{study}/logs/cost/seed{seed}/{method}/{state}.log",
    wildcard_constraints:
        state=COMPARED_STATE,
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="10m",
    params:
        settings=method_cost_settings,
        code=code("cost"),
    shell:
        "python -m palimpsest cost --settings {params.settings:q} --full {input.full:q} --evidence {input.evidence:q}"
        " --trained {input.trained:q} --output {output:q} > {log:q} 2>&1"


rule tabulate:
    input:
        metrics=metric_files,
    output:
        parquet="results/{study}/tables/metrics.parquet",
        csv="results/{study}/tables/metrics.csv",
        summary="results/{study}/tables/summary.md",
        html=report(
            "results/{study}/tables/summary.html",
            category="Tables",
            labels={"table": "summary", "study": NAME},
            caption="../report/summary.rst",
        ),
    log:
        "results/{study}/logs/tabulate.log",
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        settings=tabulate_settings(),
        code=code("tabulate"),
    shell:
        "python -m palimpsest tabulate --settings {params.settings:q} --metrics {input.metrics:q}"
        " --parquet {output.parquet:q} --csv {output.csv:q} --summary {output.summary:q} --html {output.html:q} > {log:q} 2>&1"
