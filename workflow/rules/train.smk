# One rule trains everything: the base, the oracles, and each stage of each teacher. What they begin from may be pretrained by a recipe.


rule pretrain:
    input:
        tokenizer=ancient(recipe_tokenizer),
        reports=reports_of(recipe_tokenizer),
        corpus=lambda w: fetched(CORPORA[TOKENIZER], f"results/pretrained/{TOKENIZER}/corpus"),
    output:
        model="results/pretrained/{recipe}/model.safetensors",
        config="results/pretrained/{recipe}/config.json",
        report="results/pretrained/{recipe}/training.json",
        run="results/pretrained/{recipe}/run.json",
    log:
        "results/pretrained/logs/{recipe}/pretrain.log",
    conda:
        "../../envs/train.yaml"
    threads: STUDY["training"]["threads"]
    resources:
        mem_mb=memory(4000),
        runtime="12h",
        gpu=STUDY["training"]["gpus"],
    params:
        settings=pretrain_settings,
        corpus=pretrain_corpus,
        content=lambda w: content(
            CORPORA[TOKENIZER], f"results/pretrained/{TOKENIZER}/corpus", f"results/pretrained/{TOKENIZER}/corpus.json"
        ),
        start=subpath(input.tokenizer, parent=True),
        saving=saving_option,
        folder=subpath(output.model, parent=True),
        code=code("pretrain"),
    message:
        "Pretraining {wildcards.recipe}"
    shell:
        "python -m palimpsest pretrain --settings {params.settings:q} {params.corpus} --tokenizer {params.start:q} {params.saving}"
        " --output {params.folder:q} > {log:q} 2>&1"


# Training hangs on the digests of its slices and on the reports of what it starts from; the slices and models themselves are no reason to
# run again: Snakemake compares what is larger than a megabyte by its date.
rule train:
    input:
        digests=slice_digests_of,
        slices=ancient(slices_of),
        previous=ancient(previous_of),
        start=ancient(start_of),
        reports=reports_of(previous_of, start_of),
    output:
        model="results/{study}/seed{seed}/{checkpoint}/model.safetensors",
        config="results/{study}/seed{seed}/{checkpoint}/config.json",
        tokenizer="results/{study}/seed{seed}/{checkpoint}/tokenizer.json",
        tokenizer_config="results/{study}/seed{seed}/{checkpoint}/tokenizer_config.json",
        report="results/{study}/seed{seed}/{checkpoint}/training.json",
        run="results/{study}/seed{seed}/{checkpoint}/run.json",
    log:
        "results/{study}/logs/train/seed{seed}/{checkpoint}.log",
    conda:
        "../../envs/train.yaml"
    threads: STUDY["training"]["threads"]
    resources:
        mem_mb=memory(2500),
        runtime="4h",
        gpu=STUDY["training"]["gpus"],
    params:
        settings=train_settings,
        start=start_options,
        content=start_content,
        saving=saving_option,
        folder=subpath(output.model, parent=True),
        code=code_for("train", train_settings),
    message:
        "Training {wildcards.checkpoint} of seed {wildcards.seed}"
    shell:
        "python -m palimpsest train --settings {params.settings:q} --slice {input.slices:q} {params.start} {params.saving}"
        " --output {params.folder:q} > {log:q} 2>&1"
