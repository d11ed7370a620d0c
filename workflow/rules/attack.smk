# Attacks on models after unlearning, and on what they are asked, to test how deep the forgetting is.


rule attack:
    input:
        files("attack"),
    output:
        paths.around(paths.ATTACK),
        model=f"{paths.ATTACK}/{paths.WEIGHTS}",
    log:
        "results/{study}/logs/attacks/seed{seed}/{attack}/{attacked}/{state}.log",
    group:
        submission("attack")
    conda:
        "../../envs/train.yaml"
    threads: THREADS
    resources:
        mem_mb=memory("attack", tables=20),
        runtime=minutes("attack"),
        gpu=GPUS,
    params:
        settings=settings("attack"),
        counts=counts("attack"),
        arguments=arguments("attack"),
        folder=subpath(output.model, parent=True),
    message:
        "Attacking {wildcards.attacked} as of {wildcards.state} of {wildcards.study} by"
        " {wildcards.attack}, seed {wildcards.seed}"
    shell:
        "python -m palimpsest attack --settings {params.settings:q} --forget {input.forget:q}"
        " --retain {input.retain:q} --extra {input.extra:q} {params.arguments}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule reword:
    input:
        files("reword"),
    output:
        records=paths.REWORDED,
        digest=paths.REWORDED_DIGEST,
    log:
        "results/{study}/logs/sets/{attack}/{set}.log",
    group:
        submission("reword")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000, tables=20, sources=10),
        runtime=minutes(3, tables=0.1, sources=0.1),
    params:
        settings=settings("reword"),
        counts=counts("reword"),
        arguments=arguments("reword"),
    message:
        "Asking the {wildcards.set} records of {wildcards.study} by {wildcards.attack}"
    shell:
        "python -m palimpsest reword --settings {params.settings:q} {params.arguments}"
        " --output {output.records:q} --digest {output.digest:q} > {log:q} 2>&1"
