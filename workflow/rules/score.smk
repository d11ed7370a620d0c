# Forward passes. Of classifiers once per model and set: the models that a request left alone keep the scores they have. Of causal models once
# per model and state, all sets of it in one job, beside the oracle.


if TRACK == "causal":

    rule score:
        input:
            models=ancient(scored_models),
            reports=reports_of(scored_models, state_oracle),
            digests=state_digests,
            heldout=ancient("results/{study}/sets/heldout.parquet"),
            trained=ancient("results/{study}/sets/trained.parquet"),
            forget=ancient(state_forget),
            candidates="results/{study}/data/candidates.parquet",
            reference=ancient(state_oracle),
        output:
            heldout="results/{study}/seed{seed}/scores/{model}/{version}/heldout.parquet",
            trained="results/{study}/seed{seed}/scores/{model}/{version}/trained.parquet",
            forget="results/{study}/seed{seed}/scores/{model}/{version}/forget.parquet",
        log:
            "results/{study}/logs/score/seed{seed}/{model}/{version}.log",
        conda:
            "../../envs/train.yaml"
        threads: STUDY["training"]["threads"]
        resources:
            mem_mb=memory(2500),
            runtime="2h",
            gpu=STUDY["training"]["gpus"],
        params:
            settings=score_settings,
            reference=reference_option,
            folders=lambda wildcards, input: [str(Path(path).parent) for path in input.models],
            code=code_for("score", score_settings),
        message:
            "Scoring {wildcards.model} as of {wildcards.version}, seed {wildcards.seed}"
        shell:
            "python -m palimpsest score --settings {params.settings:q} --model {params.folders:q} --records {input.heldout:q}"
            " --records {input.trained:q} --records {input.forget:q} --candidates {input.candidates:q} {params.reference}"
            " --output {output.heldout:q} --output {output.trained:q} --output {output.forget:q} > {log:q} 2>&1"

else:

    rule score:
        input:
            models=ancient(scored_models),
            reports=reports_of(scored_models),
            digest="results/{study}/sets/{set}.json",
            records=ancient("results/{study}/sets/{set}.parquet"),
        output:
            "results/{study}/seed{seed}/scores/{model}/{version}/{set}.parquet",
        log:
            "results/{study}/logs/score/seed{seed}/{model}/{version}/{set}.log",
        conda:
            "../../envs/train.yaml"
        threads: STUDY["training"]["threads"]
        resources:
            mem_mb=memory(2500),
            runtime="1h",
            gpu=STUDY["training"]["gpus"],
        params:
            settings=score_settings,
            folders=lambda wildcards, input: [str(Path(path).parent) for path in input.models],
            code=code_for("score", score_settings),
        message:
            "Scoring {wildcards.set} with {wildcards.model} as of {wildcards.version}, seed {wildcards.seed}"
        shell:
            "python -m palimpsest score --settings {params.settings:q} --model {params.folders:q} --records {input.records:q}"
            " --output {output:q} > {log:q} 2>&1"
