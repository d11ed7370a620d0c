# What a method is given, and where its model lies.


OPTIONS = STUDY["options"]


def method_folder(method, state):
    """Folder below results/{study}/seed{seed} of the model that a method made for a state."""
    return f"methods/{method}/{state}"


def served_both_ways():
    return both_orders([name for name in STUDY["methods"] if method_of(name).trains], OPTIONS)


def forgets(method, state, suffix="parquet"):
    """The sets that a method's model of a state is trained to forget."""
    names = PLAN.names[1 : PLAN.order[state] + 1] if at_once(method, OPTIONS) else [state]
    return [f"{RESULTS}/sets/forget-{name}.{suffix}" for name in names]


def teachers_sharding(method):
    """The sharding whose teachers a method is given: the one that its settings name, or the first of several shards."""
    several = [name for name in STUDY["sharding"] if parse_sharding(name)[0] > 1]
    return (option(method, "sharding", OPTIONS) or next(iter(several), "")) if method_of(method).teachers else ""


def first_teachers(method, seed):
    """The teachers that a method is given: as they were before any request."""
    sharding = teachers_sharding(method)
    if not sharding:
        return []
    shards, slices = parse_sharding(sharding)
    return [PLAN.checkpoint(int(seed), sharding, shard, slices, START) for shard in range(1, shards + 1)]


def teachers_for(method, seed):
    return [f"{RESULTS}/seed{seed}/{teacher.name}/model.safetensors" for teacher in first_teachers(method, seed)]


def teachers_of(wildcards):
    return teachers_for(wildcards.method, wildcards.seed)


def forgotten_before(method, state):
    """Sets of earlier requests: their text is not retained any more, but the teachers learnt it."""
    if not method_of(method).teachers:
        return []
    sets = [f"{RESULTS}/sets/forget-{name}.parquet" for name in PLAN.names[1 : PLAN.order[state]]]
    return [path for path in sets if path not in forgets(method, state)]


def folders_option(wildcards, input):
    """Folders of the further models and of the teachers, and what only the teachers learnt."""
    given = {name: [str(Path(path).parent) for path in input[name]] for name in ("beside", "teachers")}
    given["earlier"] = list(input.earlier)
    return " ".join(f"--{name} {shlex.join(paths)}" for name, paths in given.items() if paths)


def beside_names(method, state):
    """The further models that a method needs: by the sets that they learnt, or the methods that made them."""
    others = [name for name in methods_in(state) if method_of(name).trains and not method_of(name).others]
    return others if method_of(method).others else list(method_of(method).beside)


def beside_files(wildcards):
    """Their files."""
    folder = f"{RESULTS}/seed{wildcards.seed}"
    own = method_folder(wildcards.method, wildcards.state)
    made = method_of(wildcards.method).others
    names = beside_names(wildcards.method, wildcards.state)
    folders = [method_folder(name, wildcards.state) if made else f"{own}/{name}" for name in names]
    return [f"{folder}/{name}/model.safetensors" for name in folders]


def sets_beside(method, state, beside, suffix="parquet"):
    """The set that a further model learns, and the sample of retained records that it learns with it."""
    own = forgets(method, state, suffix) if beside == "forget" else [f"{RESULTS}/sets/extra-{state}.{suffix}"]
    return [*own, f"{RESULTS}/sets/{method}-sample-{state}.{suffix}"]


def beside_sets(wildcards):
    return sets_beside(wildcards.method, wildcards.state, wildcards.beside)


def beside_digests(wildcards):
    return sets_beside(wildcards.method, wildcards.state, wildcards.beside, "json")


def method_digests(method, state):
    """Digests of the sets that a method's models of a state are made of, beside the slices that are retained."""
    beside = (path for name in method_of(method).beside for path in sets_beside(method, state, name, "json"))
    return [*forgets(method, state, "json"), f"{RESULTS}/sets/extra-{state}.json", *beside]


def fresh_start(wildcards):
    """What a model that begins anew starts from: the tokenizer that this workflow trained, or a local model folder."""
    if RECIPE:
        return [f"results/pretrained/{STUDY['model']['recipe']}/model.safetensors"]
    if STUDY["model"]["init"] == "scratch":
        return [f"results/pretrained/{TOKENIZER}/tokenizer.json"]
    return list(map(str, START_FILES))


def beside_start(wildcards):
    if RECIPE:
        return f"--start results/pretrained/{STUDY['model']['recipe']}"
    return f"--tokenizer results/pretrained/{TOKENIZER}" if STUDY["model"]["init"] == "scratch" else ""


def beside_settings(wildcards):
    return train_settings_of(wildcards.seed, f"{wildcards.method}-{wildcards.beside}-{wildcards.state}", 1, 1, 1)


def unlearned_from(wildcards):
    """The model that a method starts from: its own of the request before, or the base."""
    previous = START if at_once(wildcards.method, OPTIONS) else before(wildcards.state)
    folder = "base" if previous == START else method_folder(wildcards.method, previous)
    return f"{RESULTS}/seed{wildcards.seed}/{folder}/model.safetensors"


def retained(wildcards):
    """Slices of the data that are left: what the oracle of the state is trained on."""
    found = PLAN.checkpoint(int(wildcards.seed), SINGLE, 1, 1, wildcards.state).slices
    return [f"{RESULTS}/seed{wildcards.seed}/shards/{part}.parquet" for part in found]


def retained_digests(wildcards):
    return [str(Path(path).with_suffix(".json")) for path in retained(wildcards)]


def unlearn_settings(wildcards):
    training = STUDY["training"]
    return settings(
        study=NAME,
        seed=int(wildcards.seed),
        method=wildcards.method,
        implementation=method_of(wildcards.method).module,
        state=wildcards.state,
        options=options_of(wildcards.method, OPTIONS),
        unseen=method_of(wildcards.method).unseen,
        beside=beside_names(wildcards.method, wildcards.state),
        sharding=teachers_sharding(wildcards.method),
        salt=STUDY["salt"] if method_of(wildcards.method).teachers else "",
        track=TRACKS[TRACK],
        scorer=SCORERS[TRACK],
        head=HEAD,
        model=ENCODING,
        ngram=STUDY["evaluation"]["ngram"],
        **{key: training[key] for key in ("threads", "gpus", "precision")},
    )
