# A method trains the model of the state before until it is to have forgotten what a request names.


rule unlearn:
    input:
        model=ancient(unlearned_from),
        beside=ancient(beside_files),
        teachers=ancient(teachers_of),
        reports=reports_of(unlearned_from, beside_files, teachers_of),
        forget_digests=lambda w: forgets(w.method, w.state, "json"),
        forget=ancient(lambda w: forgets(w.method, w.state)),
        retain_digests=retained_digests,
        retain=ancient(retained),
        earlier=ancient(lambda w: forgotten_before(w.method, w.state)),
        extra_digest="results/{study}/sets/extra-{state}.json",
        extra=ancient("results/{study}/sets/extra-{state}.parquet"),
    output:
        model="results/{study}/seed{seed}/methods/{method}/{state}/model.safetensors",
        config="results/{study}/seed{seed}/methods/{method}/{state}/config.json",
        tokenizer="results/{study}/seed{seed}/methods/{method}/{state}/tokenizer.json",
        tokenizer_config="results/{study}/seed{seed}/methods/{method}/{state}/tokenizer_config.json",
        report="results/{study}/seed{seed}/methods/{method}/{state}/training.json",
        run="results/{study}/seed{seed}/methods/{method}/{state}/run.json",
    log:
        "results/{study}/logs/unlearn/seed{seed}/{method}/{state}.log",
    conda:
        "../../envs/train.yaml"
    threads: STUDY["training"]["threads"]
    resources:
        mem_mb=memory(3000),
        runtime="4h",
        gpu=STUDY["training"]["gpus"],
    params:
        settings=unlearn_settings,
        start=subpath(input.model, parent=True),
        folders=folders_option,
        saving=saving_option,
        folder=subpath(output.model, parent=True),
        code=code_for("unlearn", unlearn_settings),
    message:
        "Unlearning {wildcards.state} by {wildcards.method}, seed {wildcards.seed}"
    shell:
        "python -m palimpsest unlearn --settings {params.settings:q} --model {params.start:q} --forget {input.forget:q}"
        " --retain {input.retain:q} --extra {input.extra:q} {params.folders} {params.saving} --output {params.folder:q} > {log:q} 2>&1"


# A model that learnt a set with a sample of the retained data, which a method holds its own model against.
rule beside:
    input:
        digests=beside_digests,
        slices=ancient(beside_sets),
        start=ancient(fresh_start),
        reports=reports_of(fresh_start),
    output:
        model="results/{study}/seed{seed}/methods/{method}/{state}/{beside}/model.safetensors",
        config="results/{study}/seed{seed}/methods/{method}/{state}/{beside}/config.json",
        tokenizer="results/{study}/seed{seed}/methods/{method}/{state}/{beside}/tokenizer.json",
        tokenizer_config="results/{study}/seed{seed}/methods/{method}/{state}/{beside}/tokenizer_config.json",
        report="results/{study}/seed{seed}/methods/{method}/{state}/{beside}/training.json",
        run="results/{study}/seed{seed}/methods/{method}/{state}/{beside}/run.json",
    log:
        "results/{study}/logs/unlearn/seed{seed}/{method}/{state}-{beside}.log",
    conda:
        "../../envs/train.yaml"
    threads: STUDY["training"]["threads"]
    resources:
        mem_mb=memory(2500),
        runtime="4h",
        gpu=STUDY["training"]["gpus"],
    params:
        settings=beside_settings,
        start=beside_start,
        saving=saving_option,
        folder=subpath(output.model, parent=True),
        code=code_for("train", beside_settings),
    message:
        "Training the {wildcards.beside} model of {wildcards.method} for {wildcards.state}, seed {wildcards.seed}"
    shell:
        "python -m palimpsest train --settings {params.settings:q} --slice {input.slices:q} {params.start} {params.saving}"
        " --output {params.folder:q} > {log:q} 2>&1"
