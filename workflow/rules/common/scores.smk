# Which models are scored on which sets.


def score_model(sharding, version):
    """Folder below scores/ of the teachers of a sharding."""
    if sharding != SINGLE:
        return f"teachers-{sharding}"
    return "base" if version == START else "oracle"


def set_settings(wildcards):
    sample = {"at_least": STUDY["evaluation"]["trained"]} if wildcards.set == "trained" else {}
    return settings(set=wildcards.set, **sample)


def score_sharding(wildcards):
    return wildcards.model.removeprefix("teachers-") if wildcards.model.startswith("teachers-") else SINGLE


def scored_teachers(wildcards):
    """Shard -> checkpoint, of the models that one score file is about.

    A request that comes after a purge finds fewer of them; the held-out scores of those that are gone were made before.
    """
    if wildcards.model == "base":
        return {1: "base"}
    if is_method(wildcards.model) and method_of(wildcards.model).trains:
        return {1: method_folder(wildcards.model, wildcards.version)}
    found = PLAN.teachers(int(wildcards.seed), score_sharding(wildcards), wildcards.version)
    if getattr(wildcards, "set", "heldout") == "heldout":
        return found
    return {shard: name for shard, name in found.items() if not PLAN.gone(int(wildcards.seed), name)}


def scored_models(wildcards):
    return [f"{RESULTS}/seed{wildcards.seed}/{name}/model.safetensors" for name in scored_teachers(wildcards).values()]


def score_settings(wildcards):
    asked = (
        {key: STUDY["evaluation"][key] for key in ("written", "ngram", "beams", "samples")} if TRACK == "causal" else {}
    )
    return settings(
        **asked,
        sharding=score_sharding(wildcards),
        shards=list(scored_teachers(wildcards)),
        track=TRACKS[TRACK],
        scorer=SCORERS[TRACK],
        head=HEAD,
        model=ENCODING,
        batch_size=STUDY["evaluation"]["batch_size"],
        threads=STUDY["training"]["threads"],
        gpus=STUDY["training"]["gpus"],
    )


def score_files(seed, sharding, state, set_="heldout"):
    """Scores of an ensemble in a state, oldest version first; later ones take precedence shard by shard."""
    return [
        f"{RESULTS}/seed{seed}/scores/{score_model(sharding, version)}/{version}/{set_}.parquet"
        for version in PLAN.ensemble_versions(int(seed), sharding, state)
    ]


def told_requests(state):
    """Requests up to a state whose text is still there."""
    return PLAN.names[PLAN.order[PLAN.purged] + 1 : PLAN.order[state] + 1]


def state_forget(wildcards, suffix="parquet"):
    """Sets of all that is forgotten in a state."""
    return [f"{RESULTS}/sets/forget-{name}.{suffix}" for name in told_requests(wildcards.version)]


def state_digests(wildcards):
    sets = [f"{RESULTS}/sets/{name}.json" for name in ("heldout", "trained")]
    return [*sets, *state_forget(wildcards, "json")]


def told_scores(seed, model, state, set_):
    """Scores of a set by a causal model: `forget` is all that is forgotten in the state."""
    return (
        [f"{RESULTS}/seed{seed}/scores/{model}/{state}/{set_}.parquet"]
        if set_ != "forget" or told_requests(state)
        else []
    )


def state_oracle(wildcards):
    """What models are held against."""
    return (
        []
        if wildcards.version == START
        else [f"{RESULTS}/seed{wildcards.seed}/oracle/{wildcards.version}/model.safetensors"]
    )


def reference_option(wildcards, input):
    return f"--reference {shlex.quote(str(Path(input.reference[0]).parent))}" if input.reference else ""
