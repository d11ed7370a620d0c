# Forward passes, once per model and set. The models that a request left alone keep the scores they have.


rule score:
    input:
        models=scored_models,
        digest="results/{study}/sets/{set}.json",
        records=ancient("results/{study}/sets/{set}.parquet"),
        candidates=candidates_of,
    output:
        "results/{study}/seed{seed}/scores/{model}/{version}/{set}.parquet",
    log:
        "results/{study}/logs/score/seed{seed}/{model}/{version}/{set}.log",
    benchmark:
        "results/{study}/benchmarks/score/seed{seed}/{model}/{version}/{set}.jsonl"
    wildcard_constraints:
        model=SCORED_ALONE,
    conda:
        "../../envs/train.yaml"
    threads: STUDY["training"]["threads"]
    resources:
        mem_mb=memory(2500),
        runtime="1h",
        gpu=STUDY["training"]["gpus"],
    params:
        settings=score_settings,
        candidates=candidates_option,
        folders=lambda wildcards, input: [str(Path(path).parent) for path in input.models],
        code=score_code,
    message:
        "Scoring {wildcards.set} with {wildcards.model} as of {wildcards.version}, seed {wildcards.seed}"
    shell:
        "python -m palimpsest score --settings {params.settings:q} --model {params.folders:q} --records {input.records:q}"
        " {params.candidates} --output {output:q} > {log:q} 2>&1"


if TRACK == "causal":

    # All sets of a model that belongs to one state alone: most of a job is the start of it.
    rule score_state:
        input:
            models=scored_models,
            digests=state_digests,
            heldout=ancient("results/{study}/sets/heldout.parquet"),
            trained=ancient("results/{study}/sets/trained.parquet"),
            forget=ancient(state_forget),
            candidates=candidates_of,
        output:
            heldout="results/{study}/seed{seed}/scores/{model}/{version}/heldout.parquet",
            trained="results/{study}/seed{seed}/scores/{model}/{version}/trained.parquet",
            forget="results/{study}/seed{seed}/scores/{model}/{version}/forget.parquet",
        log:
            "results/{study}/logs/score/seed{seed}/{model}/{version}.log",
        benchmark:
            "results/{study}/benchmarks/score/seed{seed}/{model}/{version}.jsonl"
        wildcard_constraints:
            model=OF_A_STATE,
        conda:
            "../../envs/train.yaml"
        threads: STUDY["training"]["threads"]
        resources:
            mem_mb=memory(2500),
            runtime="2h",
            gpu=STUDY["training"]["gpus"],
        params:
            settings=score_settings,
            candidates=candidates_option,
            folders=lambda wildcards, input: [str(Path(path).parent) for path in input.models],
            code=score_code,
        message:
            "Scoring {wildcards.model} as of {wildcards.version}, seed {wildcards.seed}"
        shell:
            "python -m palimpsest score --settings {params.settings:q} --model {params.folders:q} --records {input.heldout:q}"
            " --records {input.trained:q} --records {input.forget:q} {params.candidates} --output {output.heldout:q}"
            " --output {output.trained:q} --output {output.forget:q} > {log:q} 2>&1"
