# Sources -> records -> index, slices and sets; the tokenizer.


rule fetch_source:
    output:
        "results/{study}/data/source/{file}",
    log:
        "results/{study}/logs/fetch/{file}.log",
    retries: 2
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        settings=fetchable,
    shell:
        "python -m palimpsest fetch --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule fetch_corpus:
    output:
        "results/pretrained/{tokenizer}/corpus/{file}",
    log:
        "results/pretrained/logs/{tokenizer}/fetch-{file}.log",
    retries: 2
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        settings=fetchable,
    shell:
        "python -m palimpsest fetch --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule records:
    input:
        source_of(fetched),
    output:
        records="results/{study}/data/records.parquet",
        report="results/{study}/data/records.json",
        candidates="results/{study}/data/candidates.parquet" if TRACK == "causal" else [],
    log:
        "results/{study}/logs/records.log",
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        settings=records_settings(),
        source=source_option,
        content=source_content,
        purged=purged_option,
        candidates=f"--candidates {RESULTS}/data/candidates.parquet" if TRACK == "causal" else "",
        code=code("records", records_settings()),
    shell:
        "python -m palimpsest records --settings {params.settings:q} {params.source} {params.purged}"
        " {params.candidates} --records {output.records:q} --report {output.report:q} > {log:q} 2>&1"


rule index:
    input:
        "results/{study}/data/records.parquet",
    output:
        "results/{study}/data/index.parquet",
    log:
        "results/{study}/logs/index.log",
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="10m",
    params:
        settings=settings(groups=STUDY["groups"], compared=sorted(STUDY["groups"]) if HEAD.get("classes") == 2 else []),
        code=code("index"),
    shell:
        "python -m palimpsest index --settings {params.settings:q} --records {input:q} --output {output:q} > {log:q} 2>&1"


# Evidence that is there stays as it is (`update`): later the source may have lost the owner, as the law asks.
rule request:
    input:
        records="results/{study}/data/records.parquet",
    output:
        update("results/{study}/requests/{request}.json"),
    log:
        "results/{study}/logs/requests/{request}.log",
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="10m",
    params:
        settings=settings(salt=STUDY["salt"]),
        ledger=ledger_option,
        owners=request_owners,
    shell:
        "python -m palimpsest request --settings {params.settings:q} --records {input.records:q} {params.ledger}"
        " --request {wildcards.request} --output {output:q} > {log:q} 2>&1"


rule slice:
    input:
        records="results/{study}/data/records.parquet",
        requests=request_files,
    output:
        slice="results/{study}/seed{seed}/shards/{sharding}/{shard}/{slice}/{version}.parquet",
        digest="results/{study}/seed{seed}/shards/{sharding}/{shard}/{slice}/{version}.json",
    log:
        "results/{study}/logs/slices/seed{seed}/{sharding}/{shard}/{slice}/{version}.log",
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="10m",
    params:
        settings=lambda w: settings(
            salt=STUDY["salt"],
            seed=int(w.seed),
            sharding=w.sharding,
            shard=int(w.shard),
            slice=int(w.slice),
            version=w.version,
        ),
        ledger=ledger_option,
        owners=slice_owners,
        code=code("slice"),
    shell:
        "python -m palimpsest slice --settings {params.settings:q} --records {input.records:q} {params.ledger}"
        " --output {output.slice:q} --digest {output.digest:q} > {log:q} 2>&1"


rule plain_set:
    input:
        "results/{study}/data/records.parquet",
    output:
        records="results/{study}/sets/{set}.parquet",
        digest="results/{study}/sets/{set}.json",
    log:
        "results/{study}/logs/sets/{set}.log",
    wildcard_constraints:
        set="heldout|trained",
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="10m",
    params:
        settings=set_settings,
        code=code("probe"),
    shell:
        "python -m palimpsest probe --settings {params.settings:q} --records {input:q}"
        " --output {output.records:q} --digest {output.digest:q} > {log:q} 2>&1"


# Text that nothing was trained on, for methods that compare with it.
rule extra_set:
    input:
        "results/{study}/data/records.parquet",
    output:
        records="results/{study}/sets/extra-{state}.parquet",
        digest="results/{study}/sets/extra-{state}.json",
    log:
        "results/{study}/logs/sets/extra-{state}.log",
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="10m",
    params:
        settings=lambda w: settings(set="extra", request=w.state),
        ledger=ledger_option,
        owners=forgotten,
        code=code("probe"),
    shell:
        "python -m palimpsest probe --settings {params.settings:q} --records {input:q} {params.ledger}"
        " --output {output.records:q} --digest {output.digest:q} > {log:q} 2>&1"


rule sample_set:
    input:
        "results/{study}/data/records.parquet",
    output:
        records="results/{study}/sets/{method}-sample-{state}.parquet",
        digest="results/{study}/sets/{method}-sample-{state}.json",
    log:
        "results/{study}/logs/sets/{method}-sample-{state}.log",
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="10m",
    params:
        settings=lambda w: settings(set="sample", request=w.state, share=option(w.method, "sample", OPTIONS)),
        ledger=ledger_option,
        owners=forgotten,
        code=code("probe"),
    shell:
        "python -m palimpsest probe --settings {params.settings:q} --records {input:q} {params.ledger}"
        " --output {output.records:q} --digest {output.digest:q} > {log:q} 2>&1"


rule forget_set:
    input:
        records="results/{study}/data/records.parquet",
        evidence="results/{study}/requests/{request}.json",
    output:
        records="results/{study}/sets/forget-{request}.parquet",
        digest="results/{study}/sets/forget-{request}.json",
    log:
        "results/{study}/logs/sets/forget-{request}.log",
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="10m",
    params:
        settings=lambda w: settings(set="forget", request=w.request),
        ledger=ledger_option,
        owners=request_owners,
        code=code("probe"),
    shell:
        "python -m palimpsest probe --settings {params.settings:q} --records {input.records:q} {params.ledger}"
        " --output {output.records:q} --digest {output.digest:q} > {log:q} 2>&1"


# Trained on text that nobody can ask to delete, never on the study's records: it would have seen what is to be forgotten.
rule tokenizer:
    input:
        lambda wildcards: corpus_of(wildcards, fetched),
    output:
        tokenizer="results/pretrained/{tokenizer}/tokenizer.json",
        config="results/pretrained/{tokenizer}/tokenizer_config.json",
        corpus="results/pretrained/{tokenizer}/corpus.json",
    log:
        "results/pretrained/logs/{tokenizer}/tokenizer.log",
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="30m",
    params:
        settings=tokenizer_settings,
        corpus=corpus_option,
        content=corpus_content,
        folder=subpath(output.tokenizer, parent=True),
        code=code_for("tokenizer", tokenizer_settings),
    shell:
        "python -m palimpsest tokenizer --settings {params.settings:q} {params.corpus} --output {params.folder:q} > {log:q} 2>&1"
