# What checkpoints are made of, and with which settings.


def checkpoint_of(wildcards):
    if PLAN.gone(int(wildcards.seed), wildcards.checkpoint):
        raise WorkflowError(
            f"{wildcards.checkpoint} learnt from text that was purged ({RESULTS}/{PURGED}): it cannot be made again."
        )
    sharding, shard, stage, version = PLAN.parse(wildcards.checkpoint)
    return PLAN.checkpoint(int(wildcards.seed), sharding, shard, stage, version)


def reports_of(*functions):
    """What the steps that made models and tokenizers say of them, their digests among it: the same whenever the same came out, as a model's
    date is not, nor its run.json."""
    names = {"model.safetensors": "training.json", "tokenizer.json": "corpus.json"}

    def reports(wildcards):
        found = [function(wildcards) for function in functions]
        paths = [Path(path) for one in found for path in ([one] if isinstance(one, str) else one)]
        return [
            str(path.with_name(names[path.name]))
            for path in paths
            if path.name in names and str(path) not in map(str, START_FILES)
        ]

    return reports


def slices_of(wildcards):
    return [f"{RESULTS}/seed{wildcards.seed}/shards/{part}.parquet" for part in checkpoint_of(wildcards).slices]


def slice_digests_of(wildcards):
    return [str(Path(path).with_suffix(".json")) for path in slices_of(wildcards)]


def previous_of(wildcards):
    previous = checkpoint_of(wildcards).previous
    return [f"{RESULTS}/seed{wildcards.seed}/{previous}/model.safetensors"] if previous else []


def start_of(wildcards):
    """What a checkpoint without a previous one starts from: the tokenizer that this workflow trained, or a local model folder."""
    return [] if checkpoint_of(wildcards).previous else fresh_start(wildcards)


@cache
def start_digests():
    """Of a local model folder; a training that began from it wrote them down, so that they need not be computed each time."""
    reports = (Path(f"{RESULTS}/seed{seed}/{name}/run.json") for seed, name in checkpoints_in(PLAN.latest))
    return list(digests(START_FILES, next(filter(None, map(recorded, reports)), {})).values())


def start_content(wildcards):
    return start_digests() if START_FILES and not checkpoint_of(wildcards).previous else []


def start_options(wildcards):
    previous = checkpoint_of(wildcards).previous
    return f"--previous {RESULTS}/seed{wildcards.seed}/{previous}" if previous else beside_start(wildcards)


def recipe_tokenizer(wildcards):
    return f"results/pretrained/{STUDY['pretraining'][wildcards.recipe]['tokenizer']}/tokenizer.json"


def pretrain_settings(wildcards):
    recipe = STUDY["pretraining"][wildcards.recipe]
    trained = ("batch_size", "learning_rate", "warmup_share", "weight_decay")
    training = {key: recipe[key] for key in trained} | {"micro_batch_size": None, "clip_norm": 1.0}
    rest = {key: value for key, value in recipe.items() if key not in trained}
    return settings(
        name=wildcards.recipe,
        training=training,
        columns=sorted({source["column"] for source in CORPUS if "column" in source}),
        **rest,
        **{key: STUDY["training"][key] for key in ("threads", "gpus", "precision")},
    )


def pretrain_corpus(wildcards, input):
    return f"--corpus {shlex.join(located(CORPORA[TOKENIZER], f'results/pretrained/{TOKENIZER}/corpus'))}"


def train_settings(wildcards):
    sharding, shard, stage, _ = PLAN.parse(wildcards.checkpoint)
    return train_settings_of(wildcards.seed, sharding, shard, stage, parse_sharding(sharding)[1])


def train_settings_of(seed, sharding, shard, stage, slices):
    return settings(
        study=NAME,
        seed=int(seed),
        sharding=sharding,
        shard=shard,
        stage=stage,
        slices=slices,
        track=TRACKS[TRACK],
        head=HEAD,
        model=MODEL,
        training={key: value for key, value in STUDY["training"].items() if key != "checkpoint_seconds"},
    )


def saving_option(wildcards, input):
    """How often a training saves its state. Derived from `input`: no bit of the model depends on it."""
    return f"--checkpoint-seconds {STUDY['training']['checkpoint_seconds']}"


def tokenizer_settings(wildcards):
    tokenizer = STUDY["tokenizers"][wildcards.tokenizer]
    corpus = [
        source | ({"lexicon": f"palimpsest.data.{source['lexicon']}"} if "lexicon" in source else {})
        for source in tokenizer["corpus"]
    ]
    return settings(**tokenizer | {"corpus": corpus})
