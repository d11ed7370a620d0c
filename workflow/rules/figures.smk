# Numbers -> a small table a figure -> the figure. A rule a figure, because a caption is a file of its own, and because editing or adding
# one plot module so draws that figure alone. Both in one job: a job more a figure would take longer to start than to run.
FORMATS = sorted(STUDY["figures"]["formats"], key=["svg", "png", "pdf"].index)  # the report shows the first


for FIGURE in figure_names():

    rule:
        name:
            f"figure_{FIGURE}"
        input:
            metrics="results/{study}/tables/metrics.parquet",
            epsilon=epsilon_files() if FIGURE == "epsilon" else [],
            training=watched_files() if FIGURE == "curves" else [],
            truth=truth_files() if FIGURE == "truth_ratio" else [],
        output:
            shown=report(
                f"results/{{study}}/figures/{FIGURE}.{FORMATS[0]}",
                category="Figures",
                labels={"figure": FIGURE, "shows": FIGURES[FIGURE], "study": NAME},
                caption=f"../report/{FIGURE}.rst",
            ),
            others=expand("results/{{study}}/figures/{figure}.{suffix}", figure=FIGURE, suffix=FORMATS[1:]),
            data=f"results/{{study}}/tables/{FIGURE}.csv",
        log:
            f"results/{{study}}/logs/figures/{FIGURE}.log",
        conda:
            "../../envs/plot.yaml"
        resources:
            mem_mb=memory(1500),
            runtime="10m",
        params:
            settings=figure_settings(FIGURE),
            code=code("draw", figure_settings(FIGURE)),
        shell:
            "python -m palimpsest draw --settings {params.settings:q} --metrics {input.metrics:q} --epsilon {input.epsilon:q}"
            " --training {input.training:q} --truth {input.truth:q}"
            " --data {output.data:q} --output {output.shown:q} {output.others:q} > {log:q} 2>&1"
