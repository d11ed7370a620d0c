# Requests -> fingerprints -> certificates; and the audit. `palimpsest purge` is no rule: no run may
# remove results.


# Taken while the text is there, and kept (`update`): later it may be gone, and still be searched
# for.
rule fingerprint:
    input:
        files("fingerprint"),
        records=ancient(paths.RECORDS),
        evidence=paths.REQUEST,
    output:
        update(paths.FINGERPRINT),
    log:
        "results/{study}/logs/fingerprints/{request}.log",
    group:
        submission("fingerprint")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(1500, tables=20),
        runtime=minutes(3, tables=0.1),
    params:
        settings=settings("fingerprint"),
        counts=counts("fingerprint"),
        arguments=arguments("fingerprint"),
    message:
        "Taking fingerprints of what {wildcards.request} of {wildcards.study} asks to forget"
    shell:
        "python -m palimpsest fingerprint --settings {params.settings:q}"
        " --records {input.records:q} --request {wildcards.request} {params.arguments}"
        " --output {output:q} > {log:q} 2>&1"


# Last of all, since it says what is left on disk. Changes of the files that it searches do not
# renew it: a certificate is of its date.
rule certificate:
    input:
        files("certificate"),
        evidence=ancient(paths.REQUEST),
        fingerprint=ancient(paths.FINGERPRINT),
    output:
        paths.CERTIFICATE,
    log:
        "results/{study}/logs/certificates/{request}.log",
    group:
        submission("certificate")
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(2500, sources=10),
        runtime=minutes(3, sources=0.1),
    params:
        settings=settings("certificate"),
        counts=counts("certificate"),
        arguments=arguments("certificate"),
    message:
        "Looking for what is left of {wildcards.request} of {wildcards.study}, and certifying it"
    shell:
        "python -m palimpsest certify --settings {params.settings:q} {params.arguments}"
        " --request {wildcards.request} --metrics {input.metrics:q} --output {output:q}"
        " > {log:q} 2>&1"


rule certificate_page:
    input:
        paths.CERTIFICATE,
    output:
        report(
            paths.CERTIFICATE_PAGE,
            category="Certificates",
            labels={"request": "{request}", "study": "{study}"},
            caption="../report/certificate.rst",
        ),
    log:
        "results/{study}/logs/certificate_pages/{request}.log",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(3),
    params:
        settings=settings("certificate_page"),
        counts=counts("certificate_page"),
    message:
        "Writing the page of the certificate {wildcards.request} of {wildcards.study}"
    shell:
        "python -m palimpsest page --settings {params.settings:q} --certificate {input:q}"
        " --output {output:q} > {log:q} 2>&1"


# Where the study names a key. Here, where the key is, not on a node of a cluster.
rule certificate_signature:
    input:
        paths.CERTIFICATE,
    output:
        paths.CERTIFICATE_SIGNATURE,
    log:
        "results/{study}/logs/certificate_signatures/{request}.log",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    params:
        settings=settings("certificate_signature"),
        counts=counts("certificate_signature"),
    message:
        "Signing the certificate {wildcards.request} of {wildcards.study}"
    shell:
        "python -m palimpsest sign --settings {params.settings:q} --certificate {input:q}"
        " > {log:q} 2>&1"


# Has no output, so that it runs whenever it is asked for.
rule audit:
    log:
        f"{paths.STUDY.format(study=STUDIES[0].name)}/logs/audit.log",
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        audits=lambda wildcards, input: " && ".join(map(audit_command, STUDIES)),
    message:
        f"Looking for what is left of the forgotten: {', '.join(BY_NAME)}"
    shell:
        "({params.audits}) 2>&1 | tee {log:q}"
