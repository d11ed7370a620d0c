"""What each job needs, stage by stage: one class a rule, asked by the rule of that name."""

from __future__ import annotations

from palimpsest.study.wants import (
    attacks,
    certificates,
    data,
    decide,
    figures,
    measure,
    scores,
    shared,
    train,
    unlearn,
)

WANTS = {
    "fetch_source": data.FetchSource,
    "fetch_corpus": shared.FetchCorpus,
    "records": data.Records,
    "index": data.Index,
    "request": data.Request,
    "slice": data.Slice,
    "plain_set": data.PlainSet,
    "extra_set": data.ExtraSet,
    "sample_set": data.SampleSet,
    "forget_set": data.ForgetSet,
    "tokenizer": shared.Tokenizer,
    "pretrain": shared.Pretrain,
    "train": train.Train,
    "unlearn": unlearn.Unlearn,
    "auxiliary": unlearn.Auxiliary,
    "attack": attacks.Attack,
    "score": scores.Score,
    "decide": decide.Decide,
    "epsilon": decide.Epsilon,
    "measure": measure.Measure,
    "measure_around": measure.MeasureAround,
    "cost": measure.Cost,
    "cost_of_method": measure.CostOfMethod,
    "tabulate": measure.Tabulate,
    "figure": figures.Figure,
    "fingerprint": certificates.Fingerprint,
    "certificate": certificates.Certificate,
    "certificate_page": certificates.CertificatePage,
    "audit": certificates.Audit,
}
