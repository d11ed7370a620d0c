# The front door: read and check the study, include the rules, name the targets.
from snakemake.utils import min_version

min_version("9.25.0")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/unlearn.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/fair.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/audit.smk"


# Another study that is made in the same run: the same rules, with a study of their own.
if MAIN and STUDY["also"]:

    module also:
        snakefile:
            "Snakefile"
        config:
            {"study": STUDY["also"], "mirror": STUDY["mirror"]}

    use rule * from also as also_*


# The README shows the demo.
if NAME == "demo":

    include: "workflow/rules/readme.smk"


onstart:
    check_writable(result_folders())
    lift_rate_limit()
    tell_start()
    hold_earlier()
    start_warm()


onsuccess:
    EARLIER.drop()


onerror:
    put_back_earlier()
    tell_failures([log] if isinstance(log, str) else log)


# Everything that the study asks for.
rule all:
    default_target: True
    input:
        table_files(),
        figure_files(),
        certificate_files(),
        rules.also_all.input if MAIN and STUDY["also"] else [],
    localrule: True


# Records, slices and sets. Run it alone after the source has changed: what comes out the same trains nothing.
rule data:
    input:
        data_files(),
    localrule: True


rule teachers:
    input:
        teacher_files(),
    localrule: True


rule certificates:
    input:
        certificate_files(),
    localrule: True


rule tables:
    input:
        table_files(),
    localrule: True


rule figures:
    input:
        figure_files(),
    localrule: True
