# Numbers -> a small table per figure -> the figure. One rule per figure, because each caption is a
# file, and because editing or adding a plot module then draws that figure alone. Table and figure
# are one job: another job would take longer to start than to run.


for RULE, FIGURE, FORMATS, SHOWN_BY in targets.drawings(STUDIES):

    rule:
        name:
            RULE
        input:
            files("figure", figure=FIGURE),
            metrics=paths.TABLE,
        output:
            # the report shows it with its caption below it
            page=report(
                paths.FIGURE.replace("{figure}.{suffix}", f"{FIGURE}.html"),
                category="Figures",
                labels={"figure": FIGURE, "shows": FIGURES[FIGURE].shows, "study": "{study}"},
                caption=f"../report/{FIGURE}.rst",
            ),
            pictures=[
                paths.FIGURE.replace("{figure}.{suffix}", f"{FIGURE}.{suffix}")
                for suffix in FORMATS
            ],
            data=paths.FIGURE_DATA.replace("{figure}", FIGURE),
        log:
            f"results/{{study}}/logs/figures/{FIGURE}.log",
        wildcard_constraints:
            study=SHOWN_BY,
        localrule: True
        conda:
            "../../envs/plot.yaml"
        resources:
            mem_mb=memory(1500, tables=20),
            runtime=minutes(3, tables=0.1),
        params:
            settings=settings("figure", figure=FIGURE),
            counts=counts("figure", figure=FIGURE),
        message:
            f"Drawing {FIGURE} of {{wildcards.study}}"
        shell:
            "python -m palimpsest draw --settings {params.settings:q} --metrics {input.metrics:q}"
            " --epsilon {input.epsilon:q} --training {input.training:q} --truth {input.truth:q}"
            " --data {output.data:q} --output {output.pictures:q} --page {output.page:q}"
            " > {log:q} 2>&1"
