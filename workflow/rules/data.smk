# Sources -> records -> index, slices and sets; the tokenizer.


rule fetch_source:
    output:
        paths.SOURCE,
    log:
        "results/{study}/logs/fetch/{file}.log",
    retries: 2
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        settings=settings("fetch_source"),
    message:
        "Fetching {wildcards.file} for {wildcards.study}"
    shell:
        "python -m palimpsest fetch --settings {params.settings:q} --output {output:q}"
        " > {log:q} 2>&1"


rule fetch_corpus:
    output:
        paths.CORPUS,
    log:
        "results/pretrained/logs/{tokenizer}/fetch-{file}.log",
    retries: 2
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        settings=settings("fetch_corpus"),
    message:
        "Fetching {wildcards.file} for the tokenizer {wildcards.tokenizer}"
    shell:
        "python -m palimpsest fetch --settings {params.settings:q} --output {output:q}"
        " > {log:q} 2>&1"


# One rule per track, since only some have other completions beside their records.
for END, TRACK, OF_TRACK in targets.by_track(STUDIES):

    rule:
        name:
            f"records{END}"
        input:
            files("records"),
        output:
            records=paths.RECORDS,
            report=paths.RECORDS_REPORT,
            candidates=paths.CANDIDATES if TRACK.candidates else [],
        log:
            "results/{study}/logs/records.log",
        wildcard_constraints:
            study=OF_TRACK,
        group:
            submission("records")
        conda:
            "../../envs/train.yaml"
        resources:
            mem_mb=memory(2000, sources=10),
            runtime=minutes(3, sources=0.1),
        params:
            settings=settings("records"),
            counts=counts("records"),
            arguments=arguments("records"),
        message:
            "Reading the records of {wildcards.study}"
        shell:
            "python -m palimpsest records --settings {params.settings:q} {params.arguments}"
            " --records {output.records:q} --report {output.report:q} > {log:q} 2>&1"


rule index:
    input:
        paths.RECORDS,
    output:
        index=paths.INDEX,
        sizes=paths.GROUPS,
    log:
        "results/{study}/logs/index.log",
    group:
        submission("index")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(2000, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("index"),
        counts=counts("index"),
    message:
        "Listing who wrote which record of {wildcards.study}, and its groups"
    shell:
        "python -m palimpsest index --settings {params.settings:q} --records {input:q}"
        " --output {output.index:q} --sizes {output.sizes:q} > {log:q} 2>&1"


rule describe:
    input:
        files("describe"),
        records=paths.RECORDS,
    output:
        paths.DESCRIBED,
    log:
        "results/{study}/logs/describe.log",
    priority: 1  # a tokenizer that does not know the texts is told before anything is trained
    group:
        submission("describe")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(2000, tables=30),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("describe"),
        counts=counts("describe"),
        arguments=arguments("describe"),
    message:
        "Looking at the texts of {wildcards.study}: copies, length, pieces"
    shell:
        "python -m palimpsest describe --settings {params.settings:q} {params.arguments}"
        " --records {input.records:q} --output {output:q} > {log:q} 2>&1"


# Existing evidence stays as it is (`update`): later the source may have lost the owner, as the law
# asks.
rule request:
    input:
        files("request"),
        records=paths.RECORDS,
    output:
        update(paths.REQUEST),
    log:
        "results/{study}/logs/requests/{request}.log",
    priority: 1  # what is wrong with a request is told before anything is trained
    group:
        submission("request")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("request"),
        counts=counts("request"),
        arguments=arguments("request"),
    message:
        "Looking for the owners of request {wildcards.request} in {wildcards.study}"
    shell:
        "python -m palimpsest request --settings {params.settings:q} --records {input.records:q}"
        " {params.arguments} --request {wildcards.request} --output {output:q} > {log:q} 2>&1"


rule slice:
    input:
        files("slice"),
        records=paths.RECORDS,
    output:
        slice=paths.SLICE,
        digest=paths.SLICE_DIGEST,
    log:
        "results/{study}/logs/slices/seed{seed}/{sharding}/{shard}/{slice}/{state}.log",
    group:
        submission("slice")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("slice"),
        counts=counts("slice"),
        arguments=arguments("slice"),
    message:
        "Cutting slice {wildcards.slice} of shard {wildcards.shard} ({wildcards.sharding}), seed"
        " {wildcards.seed}, as of {wildcards.state}"
    shell:
        "python -m palimpsest slice --settings {params.settings:q} --records {input.records:q}"
        " {params.arguments} --output {output.slice:q} --digest {output.digest:q} > {log:q} 2>&1"


rule plain_set:
    input:
        paths.RECORDS,
    output:
        records=paths.SET,
        digest=paths.SET_DIGEST,
    log:
        "results/{study}/logs/sets/{set}.log",
    wildcard_constraints:
        set="heldout|trained",
    group:
        submission("plain_set")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("plain_set"),
        counts=counts("plain_set"),
    message:
        "Taking the {wildcards.set} records of {wildcards.study}"
    shell:
        "python -m palimpsest subset --settings {params.settings:q} --records {input:q}"
        " --output {output.records:q} --digest {output.digest:q} > {log:q} 2>&1"


# Text that nothing was trained on, for methods that compare with it.
rule extra_set:
    input:
        paths.RECORDS,
    output:
        records=paths.EXTRA,
        digest=paths.EXTRA_DIGEST,
    log:
        "results/{study}/logs/sets/extra-{state}.log",
    group:
        submission("extra_set")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("extra_set"),
        counts=counts("extra_set"),
        arguments=arguments("extra_set"),
    message:
        "Taking records of {wildcards.study} that nothing was trained on, as of {wildcards.state}"
    shell:
        "python -m palimpsest subset --settings {params.settings:q} --records {input:q}"
        " {params.arguments} --output {output.records:q} --digest {output.digest:q} > {log:q} 2>&1"


rule sample_set:
    input:
        paths.RECORDS,
    output:
        records=paths.SAMPLE,
        digest=paths.SAMPLE_DIGEST,
    log:
        "results/{study}/logs/sets/sample-{share}-{state}.log",
    group:
        submission("sample_set")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("sample_set"),
        counts=counts("sample_set"),
        arguments=arguments("sample_set"),
    message:
        "Drawing a share of {wildcards.share} of the records that {wildcards.study} retains in"
        " {wildcards.state}"
    shell:
        "python -m palimpsest subset --settings {params.settings:q} --records {input:q}"
        " {params.arguments} --output {output.records:q} --digest {output.digest:q} > {log:q} 2>&1"


rule forget_set:
    input:
        records=paths.RECORDS,
        evidence=paths.REQUEST,
    output:
        records=paths.FORGET,
        digest=paths.FORGET_DIGEST,
    log:
        "results/{study}/logs/sets/forget-{request}.log",
    group:
        submission("forget_set")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("forget_set"),
        counts=counts("forget_set"),
        arguments=arguments("forget_set"),
    message:
        "Taking the records of {wildcards.study} that {wildcards.request} asks to forget"
    shell:
        "python -m palimpsest subset --settings {params.settings:q} --records {input.records:q}"
        " {params.arguments} --output {output.records:q} --digest {output.digest:q} > {log:q} 2>&1"


# Of a set the records by which settings of methods are chosen.
rule aside:
    input:
        paths.SET,
    output:
        records=paths.ASIDE,
        digest=paths.ASIDE_DIGEST,
    log:
        "results/{study}/logs/sets/tuning-{set}.log",
    group:
        submission("aside")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("aside"),
        counts=counts("aside"),
    message:
        "Setting records of {wildcards.set} of {wildcards.study} aside, to choose settings by"
    shell:
        "python -m palimpsest aside --settings {params.settings:q} --records {input:q}"
        " --output {output.records:q} --digest {output.digest:q} > {log:q} 2>&1"


# Trained on text that nobody can ask to delete, never on the study's records: it would have seen
# what is to be forgotten.
rule tokenizer:
    input:
        files("tokenizer"),
    output:
        tokenizer=f"{paths.TOKENIZER}/{paths.TOKENIZER_FILE}",
        config=f"{paths.TOKENIZER}/tokenizer_config.json",
        corpus=f"{paths.TOKENIZER}/{paths.CORPUS_REPORT}",
    log:
        "results/pretrained/logs/{tokenizer}/tokenizer.log",
    group:
        submission("tokenizer")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(4000, sources=10),
        runtime=minutes(3, sources=0.1),
    params:
        settings=settings("tokenizer"),
        counts=counts("tokenizer"),
        arguments=arguments("tokenizer"),
        folder=subpath(output.tokenizer, parent=True),
    message:
        "Training the tokenizer {wildcards.tokenizer}"
    shell:
        "python -m palimpsest tokenizer --settings {params.settings:q} {params.arguments}"
        " --output {params.folder:q} > {log:q} 2>&1"
