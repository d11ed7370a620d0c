# Which certificates are made, and from what.


def fingerprint_tokenizer(wildcards):
    """The tokenizer that this workflow trained: what it does not know of a text is missing where its ids are read."""
    return ancient(f"results/pretrained/{TOKENIZER}/tokenizer.json") if TOKENIZER else []


def certified_state(request):
    """The state whose models a certificate speaks of: that of its request, or the newest where no other is kept."""
    return request if COMPARES else PLAN.latest


def certificate_file(request, suffix="json"):
    return f"{RESULTS}/certificates/{request}.{suffix}"


def live(request):
    """A certificate that was filed stays as it is once its state is purged, or is no longer the newest of those that keep no other; unless
    the ledger names other owners now."""
    if COMPARES or request.name == PLAN.latest:
        return True
    try:
        return not served(Path(certificate_file(request.name)), request, STUDY["salt"])
    except UserError as error:
        raise WorkflowError(str(error))


LIVE = [request.name for request in PLAN.requests[PLAN.order[PLAN.purged] :] if live(request)]
LIVE_CERTIFICATES = "|".join(LIVE) or "(?!)"


def certificate_files():
    """All certificates and their pages: those that are made, and those that are there."""
    return [
        certificate_file(name, suffix)
        for name in PLAN.names[1:]
        if name in LIVE or Path(certificate_file(name)).is_file()
        for suffix in ("json", "html")
    ]


def certified_reports(wildcards):
    pairs = checkpoints_in(certified_state(wildcards.request))
    return [f"{RESULTS}/seed{seed}/{name}/training.json" for seed, name in dict.fromkeys(pairs)]


def certified_metrics(wildcards):
    state = certified_state(wildcards.request)
    return [f"{RESULTS}/seed{seed}/metrics/{name}.parquet" for seed in PLAN.seeds for name in numbers_in(state)]


def audit_settings():
    chosen = {key: PLAN.study[key] for key in ("study", "salt", "seeds", "sharding", "requests")}
    return chosen | {"sources": STUDY["data"].get("sources", []), "tokenizer": TOKENIZER}


def certificate_settings(wildcards):
    state, level = certified_state(wildcards.request), STUDY["evaluation"]["level"]
    return settings(state=state, level=level, metrics=DESCRIBED, **audit_settings())
