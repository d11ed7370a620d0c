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
