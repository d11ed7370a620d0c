# What the targets ask for.


def figure_names():
    """Figures that have something to show in this study."""
    shown = {
        "tradeoff": bool(STUDY["fairness"]["groups"]),
        "groups": bool(STUDY["fairness"]["groups"]),
        "shards": bool(STUDY["groups"]) and len(STUDY["sharding"]) > 1,
        "cost": COMPARES and PLAN.latest != START and bool(SERVED),
        "epsilon": bool(epsilon_files()),
        "membership": COMPARES and PLAN.latest != START and TRACK == "classification",
        "frontier": COMPARES and PLAN.latest != START and TRACK == "causal",
        "sequence": any(name in served_both_ways() for name in methods_in(PLAN.latest, START)),
        "truth_ratio": TRACK == "causal" and STUDY["data"]["reader"] in ("people", "tofu") and bool(truth_files()),
        "canaries": COMPARES and PLAN.latest != START and SPACE > 0,
        "curves": TRACK == "causal" and bool(watched_files()),
        "profile": COMPARES and PLAN.latest != START and TRACK == "causal",
    }
    return [name for name in FIGURES if shown[name]]


def figure_settings(name):
    return settings(
        figure=f"palimpsest.plots.{name}",
        width=STUDY["figures"]["width"],
        dpi=STUDY["figures"]["dpi"],
        families=STUDY["fairness"]["groups"],
        states=PLAN.shown,
        methods=facts(STUDY["methods"]),
        **({"orders": served_both_ways()} if name == "sequence" else {}),
    )


def table_files():
    return [f"{RESULTS}/tables/{name}" for name in ("metrics.parquet", "metrics.csv", "summary.md")]


def figure_files():
    return [f"{RESULTS}/figures/{name}.{suffix}" for name in figure_names() for suffix in STUDY["figures"]["formats"]]


def checkpoints_in(state):
    """(seed, checkpoint name) of every stage that a state is made of."""
    return ((seed, checkpoint.name) for seed, checkpoint in PLAN.checkpoints(state))


def teacher_files():
    names = (pair for state in PLAN.states for pair in checkpoints_in(state))
    served = [f"{RESULTS}/seed{seed}/{name}/model.safetensors" for seed, name in names]
    learnt_from = [path for name in methods_in(PLAN.latest) for seed in PLAN.seeds for path in teachers_for(name, seed)]
    return list(dict.fromkeys([*served, *learnt_from]))


def unlearned():
    """(method, state) of each model that a method makes: to be evaluated, or for that of the next request to start from."""
    names = [name for name in methods_in(PLAN.latest) if method_of(name).trains]
    states = [state for state in PLAN.states if state != START]
    return [
        (name, state) for state in states for name in names if name in methods_in(state) or not at_once(name, OPTIONS)
    ]


def slice_digests():
    """Digests of the slices that checkpoints are made of: those of the states, and the teachers of methods."""
    pairs = [pair for state in PLAN.states for pair in PLAN.checkpoints(state)]
    pairs += [
        (seed, teacher)
        for name in methods_in(PLAN.latest)
        for seed in PLAN.seeds
        for teacher in first_teachers(name, seed)
    ]
    return {f"{RESULTS}/seed{seed}/shards/{part}.json" for seed, checkpoint in pairs for part in checkpoint.slices}


def data_files():
    """The index, and the digest of every slice and set that anything is trained or scored on. What is left out here would be made after
    it in the same run as the models, which Snakemake then trains without having seen whether it differs."""
    scored = ["heldout", "trained"] if TRACK == "causal" else ["heldout"]
    if COMPARES:
        scored += [f"forget-{name}" for name in PLAN.names[PLAN.order[PLAN.purged] + 1 :]]
    files = {f"{RESULTS}/data/index.parquet", *(f"{RESULTS}/sets/{name}.json" for name in scored)}
    return sorted(files.union(slice_digests(), *(method_digests(*made) for made in unlearned())))
