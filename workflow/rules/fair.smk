# Scores -> decisions: votes, means, and post-processors fitted on validation records.


rule decide:
    input:
        scores=decide_scores,
        index="results/{study}/data/index.parquet",
        requests=request_files,
    output:
        decisions="results/{study}/seed{seed}/decisions/{method}/{state}.parquet",
        rules="results/{study}/seed{seed}/decisions/{method}/{state}.json",
    log:
        "results/{study}/logs/decide/seed{seed}/{method}/{state}.log",
    wildcard_constraints:
        method=LIVE_METHOD,
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        settings=decide_settings,
        ledger=ledger_option,
        owners=forgotten,
        code=code_for("decide", decide_settings),
    shell:
        "python -m palimpsest decide --settings {params.settings:q} --scores {input.scores:q} --index {input.index:q} {params.ledger}"
        " --output {output.decisions:q} --rules {output.rules:q} > {log:q} 2>&1"


rule epsilon:
    input:
        scores=epsilon_scores,
        index="results/{study}/data/index.parquet",
        requests=request_files,
    output:
        "results/{study}/seed{seed}/metrics/epsilon-{sharding}/{method}/{state}.parquet",
    log:
        "results/{study}/logs/epsilon/seed{seed}/{sharding}/{method}/{state}.log",
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        settings=epsilon_settings,
        ledger=ledger_option,
        owners=forgotten,
        code=code_for("epsilon", epsilon_settings),
    shell:
        "python -m palimpsest epsilon --settings {params.settings:q} --scores {input.scores:q} --index {input.index:q} {params.ledger}"
        " --output {output:q} > {log:q} 2>&1"
