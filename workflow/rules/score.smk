# Forward passes. One rule per track, since a track decides which scores one job writes.


for END, TRACK, OF_TRACK in targets.by_track(STUDIES):

    rule:
        name:
            f"score{END}"
        input:
            files("score"),
        output:
            [paths.SCORES.replace("{set}", name) for name in scored_together(TRACK)],
        log:
            score_log(TRACK),
        wildcard_constraints:
            study=OF_TRACK,
        group:
            submission("score")
        conda:
            "../../envs/train.yaml"
        threads: THREADS
        resources:
            mem_mb=memory("score", tables=20),
            runtime=minutes("score"),
            gpu=GPUS,
        params:
            settings=settings("score"),
            counts=counts("score"),
            arguments=arguments("score"),
        message:
            "Scoring with {wildcards.model} of {wildcards.study} as of {wildcards.state}, seed"
            " {wildcards.seed}"
        shell:
            "python -m palimpsest score --settings {params.settings:q} {params.arguments}"
            " --output {output:q} > {log:q} 2>&1"
