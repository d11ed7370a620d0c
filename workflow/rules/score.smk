# Forward passes. Of classifiers once per model and set: the models that a request left alone keep
# the scores they have. Of causal models once per model and state, all sets of it in one job, beside
# the oracle.


rule score:
    input:
        files("score"),
    output:
        paths.SCORES,
    log:
        "results/{study}/logs/score/seed{seed}/{model}/{version}/{set}.log",
    wildcard_constraints:
        study=of_track("classification"),
    conda:
        "../../envs/train.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(2500, models=4, tables=20),
        runtime="1h",
        gpu=GPUS,
    params:
        settings=settings("score"),
        counts=counts("score"),
        arguments=arguments("score"),
    message:
        "Scoring {wildcards.set} of {wildcards.study} with {wildcards.model} as of"
        " {wildcards.version}, seed {wildcards.seed}"
    shell:
        "python -m palimpsest score --settings {params.settings:q} {params.arguments}"
        " --records {input.records:q} --output {output:q} > {log:q} 2>&1"


rule score_causal:
    input:
        files("score_causal"),
    output:
        heldout=paths.SCORES.replace("{set}", "heldout"),
        trained=paths.SCORES.replace("{set}", "trained"),
        forget=paths.SCORES.replace("{set}", "forget"),
    log:
        "results/{study}/logs/score/seed{seed}/{model}/{version}.log",
    wildcard_constraints:
        study=of_track("causal"),
    conda:
        "../../envs/train.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(2500, models=4, tables=20),
        runtime="2h",
        gpu=GPUS,
    params:
        settings=settings("score_causal"),
        counts=counts("score_causal"),
        arguments=arguments("score_causal"),
    message:
        "Scoring {wildcards.model} of {wildcards.study} as of {wildcards.version}, seed"
        " {wildcards.seed}"
    shell:
        "python -m palimpsest score --settings {params.settings:q} {params.arguments}"
        " --records {input.heldout:q} --records {input.trained:q} --records {input.forget:q}"
        " --candidates {input.candidates:q} --output {output.heldout:q}"
        " --output {output.trained:q} --output {output.forget:q} > {log:q} 2>&1"
