# Scores -> decisions: votes, means, and post-processors fitted on validation records.


rule decide:
    input:
        files("decide"),
        index=paths.INDEX,
    output:
        decisions=paths.DECISIONS,
        rules=paths.RULES,
    log:
        "results/{study}/logs/decide/seed{seed}/{method}/{state}.log",
    group:
        submission("decide")
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("decide"),
        counts=counts("decide"),
        arguments=arguments("decide"),
    message:
        "Deciding by {wildcards.method} in {wildcards.state} of {wildcards.study}, seed"
        " {wildcards.seed}"
    shell:
        "python -m palimpsest decide --settings {params.settings:q} --scores {input.scores:q}"
        " --index {input.index:q} {params.arguments} --output {output.decisions:q}"
        " --rules {output.rules:q} > {log:q} 2>&1"


rule epsilon:
    input:
        files("epsilon"),
        index=paths.INDEX,
    output:
        paths.EPSILON,
    log:
        "results/{study}/logs/epsilon/seed{seed}/{sharding}/{method}/{state}.log",
    group:
        submission("epsilon")
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1500, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("epsilon"),
        counts=counts("epsilon"),
        arguments=arguments("epsilon"),
    message:
        "What {wildcards.method} costs over the allowed gap: {wildcards.study},"
        " {wildcards.sharding}, {wildcards.state}, seed {wildcards.seed}"
    shell:
        "python -m palimpsest epsilon --settings {params.settings:q} --scores {input.scores:q}"
        " --index {input.index:q} {params.arguments} --output {output:q} > {log:q} 2>&1"
