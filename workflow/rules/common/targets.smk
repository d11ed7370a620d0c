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
        "sequence": any(name in served_both_ways() for name in methods_in(PLAN.latest)),
        "truth_ratio": TRACK == "causal" and STUDY["data"]["reader"] in ("people", "tofu") and bool(truth_files()),
        "canaries": COMPARES and PLAN.latest != START and SPACE > 0,
        "curves": TRACK == "causal" and bool(watched_files()),
        "profile": COMPARES and PLAN.latest != START and TRACK == "causal",
    }
    return [name for name in FIGURES if shown[name]]


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


def data_files():
    """Records, the slices that checkpoints are made of, and the sets that they are scored on."""
    files = {f"{RESULTS}/data/index.parquet", f"{RESULTS}/sets/heldout.json"}
    if COMPARES:
        files |= {f"{RESULTS}/sets/forget-{name}.json" for name in PLAN.names[PLAN.order[PLAN.purged] + 1 :]}
    for seed, checkpoint in (pair for state in PLAN.states for pair in PLAN.checkpoints(state)):
        files |= {f"{RESULTS}/seed{seed}/shards/{part}.json" for part in checkpoint.slices}
    return sorted(files)
