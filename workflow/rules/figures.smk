# Numbers -> a small table a figure -> the figure. A rule a figure, because a caption is a file of
# its own, and because editing or adding one plot module so draws that figure alone. Both in one
# job: a job more a figure would take longer to start than to run.


for RULE, FIGURE, FORMATS, SHOWN_BY in targets.drawings(STUDIES):

    rule:
        name:
            RULE
        input:
            files("figure", figure=FIGURE),
            metrics=paths.TABLE,
        output:
            shown=report(
                paths.FIGURE.replace("{figure}.{suffix}", f"{FIGURE}.{FORMATS[0]}"),
                category="Figures",
                labels={"figure": FIGURE, "shows": FIGURES[FIGURE].shows, "study": "{study}"},
                caption=f"../report/{FIGURE}.rst",
            ),
            others=[
                paths.FIGURE.replace("{figure}.{suffix}", f"{FIGURE}.{suffix}")
                for suffix in FORMATS[1:]
            ],
            data=paths.FIGURE_DATA.replace("{figure}", FIGURE),
        log:
            f"results/{{study}}/logs/figures/{FIGURE}.log",
        wildcard_constraints:
            study=SHOWN_BY,
        conda:
            "../../envs/plot.yaml"
        resources:
            mem_mb=memory(1500, tables=20),
            runtime="10m",
        params:
            settings=settings("figure", figure=FIGURE),
            counts=counts("figure", figure=FIGURE),
        message:
            f"Drawing {FIGURE} of {{wildcards.study}}"
        shell:
            "python -m palimpsest draw --settings {params.settings:q} --metrics {input.metrics:q}"
            " --epsilon {input.epsilon:q} --training {input.training:q} --truth {input.truth:q}"
            " --data {output.data:q} --output {output.shown:q} {output.others:q} > {log:q} 2>&1"
