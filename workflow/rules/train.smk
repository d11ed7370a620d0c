# One rule trains everything: the base, the oracles, and each stage of each teacher. They may start
# from a model that a recipe pretrained.


rule pretrain:
    input:
        files("pretrain"),
    output:
        [f"{paths.RECIPE}/{name}" for name in paths.WITH_RECIPE],
        model=f"{paths.RECIPE}/{paths.WEIGHTS}",
    log:
        "results/pretrained/logs/{recipe}/pretrain.log",
    conda:
        "../../envs/train.yaml"
    threads: THREADS
    resources:
        mem_mb=memory("pretrain", sources=10),
        runtime=minutes("pretrain"),
        gpu=GPUS,
    params:
        settings=settings("pretrain"),
        counts=counts("pretrain"),
        arguments=arguments("pretrain"),
        folder=subpath(output.model, parent=True),
    message:
        "Pretraining {wildcards.recipe}"
    shell:
        "python -m palimpsest pretrain --settings {params.settings:q} {params.arguments}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule fetch_examples:
    output:
        paths.EXAMPLES,
    log:
        "results/pretrained/logs/{judge}/fetch-{file}.log",
    retries: 2
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        settings=settings("fetch_examples"),
    message:
        "Fetching {wildcards.file} for the judge {wildcards.judge}"
    shell:
        "python -m palimpsest fetch --settings {params.settings:q} --output {output:q}"
        " > {log:q} 2>&1"


rule judge:
    input:
        files("judge"),
    output:
        paths.around(paths.JUDGE),
        model=f"{paths.JUDGE}/{paths.WEIGHTS}",
    log:
        "results/pretrained/logs/{judge}/judge.log",
    conda:
        "../../envs/train.yaml"
    threads: THREADS
    resources:
        mem_mb=memory("judge", sources=10),
        runtime=minutes("judge"),
        gpu=GPUS,
    params:
        settings=settings("judge"),
        counts=counts("judge"),
        arguments=arguments("judge"),
        folder=subpath(output.model, parent=True),
    message:
        "Training the judge {wildcards.judge}"
    shell:
        "python -m palimpsest judge --settings {params.settings:q} {params.arguments}"
        " --output {params.folder:q} > {log:q} 2>&1"


# Training depends on the digests of its slices and on the reports of what it starts from; the
# slices and models themselves are no reason to run again: Snakemake compares what is larger than a
# megabyte by its date.
rule train:
    input:
        files("train"),
    output:
        paths.around(paths.CHECKPOINT),
        model=f"{paths.CHECKPOINT}/{paths.WEIGHTS}",
    log:
        "results/{study}/logs/train/seed{seed}/{checkpoint}.log",
    group:
        submission("train")
    conda:
        "../../envs/train.yaml"
    threads: THREADS
    resources:
        mem_mb=memory("train", tables=20),
        runtime=minutes("train"),
        gpu=GPUS,
    params:
        settings=settings("train"),
        counts=counts("train"),
        arguments=arguments("train"),
        folder=subpath(output.model, parent=True),
    message:
        "Training {wildcards.checkpoint} of {wildcards.study}, seed {wildcards.seed}"
    shell:
        "python -m palimpsest train --settings {params.settings:q} --slice {input.slices:q}"
        " {params.arguments} --output {params.folder:q} > {log:q} 2>&1"
