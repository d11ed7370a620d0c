# The front door: read and check the studies, include the rules, name the targets.
from snakemake.utils import min_version

min_version("9.25.0")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/unlearn.smk"
include: "workflow/rules/attack.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/fair.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/audit.smk"


# The README shows the demo, and the people beside it.
if {"demo", "people"} <= BY_NAME.keys():

    include: "workflow/rules/readme.smk"


onstart:
    or_stop(running.check_writable, result_folders())
    lift_rate_limit()
    tell_start()
    hold_earlier()
    start_warm()


onsuccess:
    EARLIER.drop()


onerror:
    put_back_earlier()
    tell_failures([log] if isinstance(log, str) else log)


# Everything that the studies ask for.
rule all:
    default_target: True
    input:
        of_all(targets.all_files),
    localrule: True
    message:
        "All is there"


# Records, slices and sets. Run it alone after the source has changed: what comes out the same
# trains nothing.
rule data:
    input:
        of_all(targets.data_files),
    localrule: True
    message:
        "All data are there"


rule teachers:
    input:
        of_all(targets.teacher_files),
    localrule: True
    message:
        "All models that are trained on the records are there"


rule certificates:
    input:
        of_all(targets.certificate_files),
    localrule: True
    message:
        "All certificates are there"


rule tables:
    input:
        of_all(targets.table_files),
    localrule: True
    message:
        "All tables are there"


rule figures:
    input:
        of_all(targets.figure_files),
    localrule: True
    message:
        "All figures are there"
