# From scores to decisions and numbers: which methods are evaluated in which state.


COMPARES = STUDY["requests"] == "all"


def methods_in(state, purged=PLAN.purged):
    """Methods that are evaluated in a state: before any request the oracle is the base; `latest` keeps neither, a purge leaves no base, nor
    what was made from it."""
    needs = {"teachers"}
    if COMPARES:
        needs |= ({"base"} if purged == START else set()) | ({"oracle"} if state != START else set())
        needs |= {"model"} if state != START and purged == START else set()
    found = [name for name in STUDY["methods"] if method_of(name).needs in needs]
    return [name for name in found if PLAN.order[state] != 1 or not same_at_first(name, STUDY["methods"], OPTIONS)]


def numbers_in(state, purged=PLAN.purged):
    """Names of the files of numbers about a state, in a study that was purged up to ``purged``."""
    age = PLAN.order[state] - PLAN.order[purged]
    # What a causal model remembers of the forgotten cannot be told any more once their text is purged.
    told = age >= 0 and (TRACK == "classification" or purged == START or age > 0)
    names = [f"{method}/{state}" for method in methods_in(state, purged)] if told else []
    if COMPARES and age > 0:
        shardings = sorted({SINGLE, *SERVED})
        kinds = ("membership", "cost") if TRACK == "classification" else ("cost",)
        names += [f"{kind}-{sharding}/{state}" for kind in kinds for sharding in shardings]
        trained = [method for method in methods_in(state, purged) if method_of(method).trains]
        names += [f"{kind}-{method}/{state}" for kind in kinds for method in trained]
    return names


# Nothing makes what was purged: its numbers are files that stay as they are.
FROZEN = [name for state in PLAN.names for name in numbers_in(state, START) if name not in numbers_in(state)]
LIVE_METHOD = rf"(?!(?:{'|'.join(map(re.escape, FROZEN))})\.)(?:{name_pattern()})" if FROZEN else name_pattern()
COMPARED_STATE = "|".join(PLAN.names[PLAN.order[PLAN.purged] + 1 :]) or "(?!)"


def still_there(files):
    """files: path -> the name of its numbers. Paths of those that are made and, of those that a purge froze, of those that are there."""
    return [path for path, name in files.items() if name not in FROZEN or Path(path).is_file()]


def decide_scores(wildcards):
    needs = method_of(wildcards.method).needs
    if needs == "model":
        return [f"{RESULTS}/seed{wildcards.seed}/scores/{wildcards.method}/{wildcards.state}/heldout.parquet"]
    if needs == "base":
        return score_files(wildcards.seed, SINGLE, START)
    shardings = STUDY["sharding"] if needs == "teachers" else [SINGLE]
    return [path for sharding in shardings for path in score_files(wildcards.seed, sharding, wildcards.state)]


def told_files(set_):
    """Scores of a set by the model that a method left in a state."""
    return lambda wildcards: told_scores(wildcards.seed, wildcards.method, wildcards.state, set_)


def told_oracle(wildcards):
    """The oracle's scores of what is forgotten in a state."""
    return told_scores(wildcards.seed, "oracle", wildcards.state, "forget") if wildcards.state != START else []


def told_oracle_heldout(wildcards):
    return told_scores(wildcards.seed, "oracle", wildcards.state, "heldout") if wildcards.state != START else []


def told_base(wildcards):
    """The base's, where a purge has left one."""
    return told_scores(wildcards.seed, "base", wildcards.state, "forget") if PLAN.purged == START else []


def remember_options(wildcards, input):
    names = ("forget", "oracle", "oracle_heldout", "base")
    return " ".join(f"--{name.replace('_', '-')} {shlex.join(input[name])}" for name in names if input[name])


def remember_settings(wildcards):
    return settings(
        study=NAME,
        seed=int(wildcards.seed),
        method=wildcards.method,
        state=wildcards.state,
        shards=SINGLE,
        model=MODEL_NAME,
        space=SPACE,
        bootstrap=STUDY["evaluation"]["bootstrap"],
        level=STUDY["evaluation"]["level"],
    )


def fairness_settings(without):
    return {key: value for key, value in STUDY["fairness"].items() if key != without}


def decides(method):
    """Module of the rule that turns scores into decisions; a model that a method made decides as the base does."""
    return method_of("base" if method_of(method).trains else method).module


def decide_settings(wildcards):
    method = method_of(wildcards.method)
    return settings(
        implementation=decides(wildcards.method),
        fitted=method.fitted,
        state=wildcards.state,
        fairness=fairness_settings(without="epsilon_curve") if method.fitted else {},
    )


def decision_files(seed, method, state):
    return f"{RESULTS}/seed{seed}/decisions/{method}/{state}.parquet"


def oracle_decisions(wildcards):
    """The oracle's decisions in the same state, where it is another model than the base."""
    if "oracle" not in methods_in(wildcards.state):
        return []
    return [decision_files(wildcards.seed, "oracle", wildcards.state)]


def oracle_option(wildcards):
    return " ".join(f"--oracle {path}" for path in oracle_decisions(wildcards))


def measure_settings(wildcards):
    return settings(
        study=NAME,
        seed=int(wildcards.seed),
        method=wildcards.method,
        state=wildcards.state,
        model=MODEL_NAME,
        families=sorted(STUDY["groups"]),
        classes=STUDY["data"]["classes"],
        bootstrap=STUDY["evaluation"]["bootstrap"],
        level=STUDY["evaluation"]["level"],
        cost_fp=STUDY["fairness"]["cost_fp"],
        cost_fn=STUDY["fairness"]["cost_fn"],
    )


def before(state):
    return PLAN.names[PLAN.order[state] - 1]


def forget_before(wildcards):
    return score_files(wildcards.seed, wildcards.sharding, before(wildcards.state), f"forget-{wildcards.state}")


def forget_after(wildcards):
    return score_files(wildcards.seed, wildcards.sharding, wildcards.state, f"forget-{wildcards.state}")


def heldout_before(wildcards):
    return score_files(wildcards.seed, wildcards.sharding, before(wildcards.state))


def heldout_after(wildcards):
    return score_files(wildcards.seed, wildcards.sharding, wildcards.state)


def method_scores(method, seed, state, set_):
    """Scores of a classifier that a method made for a state, or of the base that it starts from."""
    model = "base" if state == START else method
    return [f"{RESULTS}/seed{seed}/scores/{model}/{state}/{set_}.parquet"]


def started_from(wildcards):
    return START if at_once(wildcards.method, OPTIONS) else before(wildcards.state)


def method_scored(when, set_):
    """Scores by the model that a method started from (before), or by the one that it made (after)."""

    def files(wildcards):
        state = wildcards.state if when == "after" else started_from(wildcards)
        name = set_ if set_ == "heldout" else f"forget-{wildcards.state}"
        return method_scores(wildcards.method, wildcards.seed, state, name)

    return files


def membership_of_method_settings(wildcards):
    return membership_settings_of(wildcards, dict.fromkeys(("before", "after"), wildcards.method))


def membership_settings(wildcards):
    methods = {
        when: score_model(SINGLE, state) if wildcards.sharding == SINGLE else "sisa_mean"
        for when, state in (("before", before(wildcards.state)), ("after", wildcards.state))
    }
    return membership_settings_of(wildcards, methods)


def membership_settings_of(wildcards, methods):
    return settings(
        study=NAME,
        seed=int(wildcards.seed),
        state=wildcards.state,
        methods=methods,
        model=MODEL_NAME,
        bootstrap=STUDY["evaluation"]["bootstrap"],
        level=STUDY["evaluation"]["level"],
    )


def trained_reports(wildcards):
    names = PLAN.trained_for(int(wildcards.seed), wildcards.sharding, wildcards.state)
    return [f"{RESULTS}/seed{wildcards.seed}/{name}/training.json" for name in names]


def cost_settings(wildcards):
    return settings(
        study=NAME,
        seed=int(wildcards.seed),
        state=wildcards.state,
        sharding=wildcards.sharding,
        epochs=STUDY["training"]["epochs"],
        model=MODEL_NAME,
    )


def method_reports(wildcards):
    own = f"{RESULTS}/seed{wildcards.seed}/{method_folder(wildcards.method, wildcards.state)}"
    beside = () if method_of(wildcards.method).others else method_of(wildcards.method).beside
    return [f"{own}/training.json", *(f"{own}/{name}/training.json" for name in beside)]


def method_cost_settings(wildcards):
    where = {"seed": int(wildcards.seed), "method": wildcards.method, "state": wildcards.state}
    return settings(study=NAME, model=MODEL_NAME, **where)


DESCRIBED = described("cost", *(["remember"] if TRACK == "causal" else ["measure", "membership"]))


def tabulate_settings():
    return settings(
        families=STUDY["fairness"]["groups"],
        states=PLAN.shown,
        level=STUDY["evaluation"]["level"],
        metrics=DESCRIBED,
        methods=facts(STUDY["methods"]),
    )


def epsilon_scores(wildcards):
    return score_files(wildcards.seed, wildcards.sharding, wildcards.state)


def epsilon_settings(wildcards):
    return settings(
        seed=int(wildcards.seed),
        method=wildcards.method,
        implementation=method_of(wildcards.method).module,
        state=wildcards.state,
        sharding=wildcards.sharding,
        fairness=fairness_settings(without="eps"),
    )


def metric_files(wildcards=None):
    """Every file of numbers that the table is made of; of those that a purge froze, the ones that are there."""
    files = {
        f"{RESULTS}/seed{seed}/metrics/{name}.parquet": name
        for seed in PLAN.seeds
        for state in PLAN.shown
        for name in numbers_in(state, START)
    }
    return still_there(files)


def epsilon_files(wildcards=None):
    """Cost over the allowed gap, in the newest state, of each FairSISA rule that is asked for."""
    methods = [
        name for name in methods_in(PLAN.latest) if method_of(name).fitted and method_of(name).needs == "teachers"
    ]
    return [
        f"{RESULTS}/seed{seed}/metrics/epsilon-{sharding}/{method}/{PLAN.latest}.parquet"
        for seed in PLAN.seeds
        for sharding in STUDY["sharding"]
        for method in methods
    ]


def truth_files():
    """Truth ratios item by item in the newest state; a purge freezes them with the numbers."""
    names = [f"{method}/{PLAN.latest}" for method in methods_in(PLAN.latest, START)]
    return still_there({f"{RESULTS}/seed{seed}/truth/{name}.parquet": name for seed in PLAN.seeds for name in names})


def watched_files():
    """Reports of what methods did for the newest request. A purge takes them with the models: their figure then stays as it was drawn."""
    names = [name for name in methods_in(PLAN.latest) if method_of(name).trains and not method_of(name).others]
    return [
        f"{RESULTS}/seed{seed}/{method_folder(name, PLAN.latest)}/training.json"
        for seed in PLAN.seeds
        for name in names
    ]
