# Small tables -> figures. A rule a figure, because a caption is a file of its own; editing one plot module draws that figure alone.
FORMATS = sorted(STUDY["figures"]["formats"], key=["svg", "png", "pdf"].index)  # the report shows the first


for FIGURE in figure_names():

    rule:
        name:
            f"figure_{FIGURE}"
        input:
            f"results/{{study}}/tables/{FIGURE}.csv",
        output:
            report(
                f"results/{{study}}/figures/{FIGURE}.{FORMATS[0]}",
                category="Figures",
                labels={"figure": FIGURE, "shows": FIGURES[FIGURE]},
                caption=f"../report/{FIGURE}.rst",
            ),
            expand("results/{{study}}/figures/{figure}.{suffix}", figure=FIGURE, suffix=FORMATS[1:]),
        log:
            f"results/{{study}}/logs/figures/{FIGURE}.log",
        conda:
            "../../envs/plot.yaml"
        resources:
            mem_mb=memory(1500),
            runtime="10m",
        params:
            settings=settings(figure=FIGURE, width=STUDY["figures"]["width"], dpi=STUDY["figures"]["dpi"]),
            code=code("draw", f"palimpsest.plots.{FIGURE}"),
        shell:
            "python -m palimpsest draw --settings {params.settings:q} --data {input:q} --output {output:q} > {log:q} 2>&1"
