# A method trains the model of the state before until it is to have forgotten what a request names.


rule unlearn:
    input:
        files("unlearn"),
    output:
        paths.around(paths.METHOD),
        model=f"{paths.METHOD}/model.safetensors",
    log:
        "results/{study}/logs/unlearn/seed{seed}/{method}/{state}.log",
    conda:
        "../../envs/train.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(3000, models=8, tables=20),
        runtime="4h",
        gpu=GPUS,
    params:
        settings=settings("unlearn"),
        counts=counts("unlearn"),
        arguments=arguments("unlearn"),
        folder=subpath(output.model, parent=True),
    message:
        "Unlearning {wildcards.state} of {wildcards.study} by {wildcards.method}, seed"
        " {wildcards.seed}"
    shell:
        "python -m palimpsest unlearn --settings {params.settings:q} --forget {input.forget:q}"
        " --retain {input.retain:q} --extra {input.extra:q} {params.arguments}"
        " --output {params.folder:q} > {log:q} 2>&1"


# A model that learnt a set with a sample of the retained data, which a method holds its own model
# against.
rule beside:
    input:
        files("beside"),
    output:
        paths.around(paths.BESIDE),
        model=f"{paths.BESIDE}/model.safetensors",
    log:
        "results/{study}/logs/unlearn/seed{seed}/{method}/{state}-{beside}.log",
    conda:
        "../../envs/train.yaml"
    threads: THREADS
    resources:
        mem_mb=memory(2500, models=8, tables=20),
        runtime="4h",
        gpu=GPUS,
    params:
        settings=settings("beside"),
        counts=counts("beside"),
        arguments=arguments("beside"),
        folder=subpath(output.model, parent=True),
    message:
        "Training the {wildcards.beside} model of {wildcards.method} for {wildcards.state} of"
        " {wildcards.study}, seed {wildcards.seed}"
    shell:
        "python -m palimpsest train --settings {params.settings:q} --slice {input.slices:q}"
        " {params.arguments} --output {params.folder:q} > {log:q} 2>&1"
