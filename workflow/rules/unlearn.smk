# A method changes the model of the previous state so that it forgets what a request names.
# Studies that tune have a rule of their own, so that others know nothing of it.


rule unlearn:
    input:
        files("unlearn"),
    output:
        paths.around(paths.METHOD),
        model=f"{paths.METHOD}/{paths.WEIGHTS}",
    log:
        "results/{study}/logs/unlearn/seed{seed}/{method}/{state}.log",
    wildcard_constraints:
        study=targets.pattern(one for one in STUDIES if not one.tuning),
    group:
        submission("unlearn")
    conda:
        "../../envs/train.yaml"
    threads: THREADS
    resources:
        mem_mb=memory("unlearn", tables=20),
        runtime=minutes("unlearn"),
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


# The same under settings of a trial, or those that were chosen, within a budget.
rule unlearn_tuned:
    input:
        files("unlearn_tuned"),
    output:
        paths.around(paths.METHOD),
        model=f"{paths.METHOD}/{paths.WEIGHTS}",
    log:
        "results/{study}/logs/unlearn/seed{seed}/{method}/{state}.log",
    wildcard_constraints:
        study=targets.pattern(one for one in STUDIES if one.tuning),
    group:
        submission("unlearn_tuned")
    conda:
        "../../envs/train.yaml"
    threads: THREADS
    resources:
        mem_mb=memory("unlearn", tables=20),
        runtime=minutes("unlearn"),
        gpu=GPUS,
    params:
        settings=settings("unlearn_tuned"),
        counts=counts("unlearn_tuned"),
        arguments=arguments("unlearn_tuned"),
        folder=subpath(output.model, parent=True),
    message:
        "Unlearning {wildcards.state} of {wildcards.study} by {wildcards.method}, seed"
        " {wildcards.seed}"
    shell:
        "python -m palimpsest unlearn_tuned --settings {params.settings:q} --forget {input.forget:q}"
        " --retain {input.retain:q} --extra {input.extra:q} {params.arguments}"
        " --output {params.folder:q} > {log:q} 2>&1"


# A further model that methods compare theirs with: it learns a set, with a sample of the retained
# data. Methods that ask for the same one share it.
rule auxiliary:
    input:
        files("auxiliary"),
    output:
        paths.around(paths.AUXILIARY),
        model=f"{paths.AUXILIARY}/{paths.WEIGHTS}",
    log:
        "results/{study}/logs/auxiliaries/seed{seed}/{auxiliary}/{state}.log",
    group:
        submission("auxiliary")
    conda:
        "../../envs/train.yaml"
    threads: THREADS
    resources:
        mem_mb=memory("auxiliary", tables=20),
        runtime=minutes("auxiliary"),
        gpu=GPUS,
    params:
        settings=settings("auxiliary"),
        counts=counts("auxiliary"),
        arguments=arguments("auxiliary"),
        folder=subpath(output.model, parent=True),
    message:
        "Training the auxiliary model {wildcards.auxiliary} for {wildcards.state} of"
        " {wildcards.study}, seed {wildcards.seed}"
    shell:
        "python -m palimpsest train --settings {params.settings:q} --slice {input.slices:q}"
        " {params.arguments} --output {params.folder:q} > {log:q} 2>&1"
