# Requests -> fingerprints -> certificates; and the audit. `palimpsest purge` is no rule: nothing that a run does may remove results.


# Taken while the text is there, and kept (`update`): later it may be gone, and still be looked for.
rule fingerprint:
    input:
        records=ancient("results/{study}/data/records.parquet"),
        evidence="results/{study}/requests/{request}.json",
        tokenizer=fingerprint_tokenizer,
    output:
        update("results/{study}/fingerprints/{request}.json"),
    log:
        "results/{study}/logs/fingerprints/{request}.log",
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        settings=settings(salt=STUDY["salt"]),
        tokenizer=lambda wildcards, input: f"--tokenizer {input.tokenizer}" if input.tokenizer else "",
        ledger=ledger_option,
        owners=request_owners,
    shell:
        "python -m palimpsest fingerprint --settings {params.settings:q} --records {input.records:q} {params.ledger}"
        " --request {wildcards.request} {params.tokenizer} --output {output:q} > {log:q} 2>&1"


# Last of all, since it says what is left on disk. What it looks through does not make it new: a certificate is of its date.
rule certificate:
    input:
        trained=certified_reports,
        metrics=certified_metrics,
        evidence=ancient("results/{study}/requests/{request}.json"),
        fingerprint=ancient("results/{study}/fingerprints/{request}.json"),
        tables=ancient(table_files()),
    output:
        "results/{study}/certificates/{request}.json",
    log:
        "results/{study}/logs/certificates/{request}.log",
    wildcard_constraints:
        request=LIVE_CERTIFICATES,
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(2500),
        runtime="1h",
    params:
        settings=certificate_settings,
        ledger=ledger_option,
        owners=request_owners,
        code=code("certificate"),
    shell:
        "python -m palimpsest certificate --settings {params.settings:q} {params.ledger} --request {wildcards.request}"
        " --metrics {input.metrics:q} --output {output:q} > {log:q} 2>&1"


rule certificate_page:
    input:
        "results/{study}/certificates/{request}.json",
    output:
        report(
            "results/{study}/certificates/{request}.html",
            category="Certificates",
            labels={"request": "{request}", "study": NAME},
            caption="../report/certificate.rst",
        ),
    log:
        "results/{study}/logs/certificates/{request}-page.log",
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="10m",
    params:
        settings=settings(methods=facts(STUDY["methods"]), metrics=DESCRIBED),
        code=code("page"),
    shell:
        "python -m palimpsest page --settings {params.settings:q} --certificate {input:q} --output {output:q} > {log:q} 2>&1"


# Has no output, so that it looks again whenever it is asked.
rule audit:
    log:
        f"{RESULTS}/logs/audit.log",
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        settings=settings(**audit_settings()),
        ledger=ledger_option,
    shell:
        "python -m palimpsest audit --settings {params.settings:q} {params.ledger} 2>&1 | tee {log:q}"
