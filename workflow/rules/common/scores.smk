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
    if wildcards.model in METHODS and METHODS[wildcards.model].trains:
        return {1: method_folder(wildcards.model, wildcards.version)}
    found = PLAN.teachers(int(wildcards.seed), score_sharding(wildcards), wildcards.version)
    if wildcards.set == "heldout":
        return found
    return {shard: name for shard, name in found.items() if not PLAN.gone(int(wildcards.seed), name)}


def scored_models(wildcards):
    return [f"{RESULTS}/seed{wildcards.seed}/{name}/model.safetensors" for name in scored_teachers(wildcards).values()]


def score_settings(wildcards):
    asked = {key: STUDY["evaluation"][key] for key in ("written", "ngram")} if TRACK == "causal" else {}
    return settings(
        **asked,
        sharding=score_sharding(wildcards),
        shards=list(scored_teachers(wildcards)),
        track=TRACK,
        head=HEAD,
        model=ENCODING,
        batch_size=STUDY["evaluation"]["batch_size"],
        threads=STUDY["training"]["threads"],
        gpus=STUDY["training"]["gpus"],
    )


def score_code(wildcards):
    return code("score", f"palimpsest.tracks.{TRACK}")


def score_files(seed, sharding, state, set_="heldout"):
    """Scores of an ensemble in a state, oldest version first; later ones take precedence shard by shard."""
    return [
        f"{RESULTS}/seed{seed}/scores/{score_model(sharding, version)}/{version}/{set_}.parquet"
        for version in PLAN.ensemble_versions(int(seed), sharding, state)
    ]
