# What this repository keeps of a finished study, since its pages show it and few can run it in
# passing. docs/contributing.md has the command.
from palimpsest.attacks.registry import facts as attack_facts
from palimpsest.data.ledger import START
from palimpsest.methods.registry import facts
from palimpsest.study.wants.want import as_json, digest_of


rule kept:
    input:
        metrics=paths.TABLE,
        certificate=lambda wildcards: BY_NAME[wildcards.study].path(
            paths.CERTIFICATE, request=BY_NAME[wildcards.study].plan.latest
        ),
    output:
        table=update("docs/results/{study}/metrics.csv"),
        provenance=update("docs/results/{study}/provenance.json"),
    log:
        "results/{study}/logs/kept.log",
    wildcard_constraints:
        study="|".join(
            name
            for name, study in BY_NAME.items()
            if study.compares and study.plan.latest != START
        )
        or "(?!)",
    localrule: True
    conda:
        "../../envs/plot.yaml"
    params:
        settings=lambda wildcards: as_json(
            {
                "states": BY_NAME[wildcards.study].plan.shown,
                "family": next(iter(BY_NAME[wildcards.study].config["fairness"]["groups"]), ""),
                "kept": BY_NAME[wildcards.study].module("kept"),
                "methods": facts(BY_NAME[wildcards.study].config["methods"]),
                "attacks": attack_facts(BY_NAME[wildcards.study].config["attacks"]),
            }
        ),
        code=lambda wildcards: digest_of("keep", BY_NAME[wildcards.study].module("kept")),
    message:
        "Keeping what pages of this repository show of {wildcards.study}"
    shell:
        "python -m palimpsest keep --settings {params.settings:q} --metrics {input.metrics:q}"
        " --certificate {input.certificate:q} --table {output.table:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"
