"""What every attack must hold, from the registry, and each by hand."""

from __future__ import annotations

import dataclasses
import importlib
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cases import parameters
from tiny import VOCABULARY, nll, run_of

from palimpsest.attacks import paraphrase, prefix, quantize, relearn, soft_prompt
from palimpsest.attacks.contract import Asked, PromptAttack, WeightAttack
from palimpsest.attacks.registry import ATTACKS, attack_of, is_attack, split
from palimpsest.data.people import people
from palimpsest.data.prompts import encode_pairs
from palimpsest.errors import UserError
from palimpsest.methods.contract import Unchanged
from palimpsest.methods.watch import Watch
from palimpsest.training import loop
from palimpsest.training.fields import field_problems, types_of
from palimpsest.training.settings import Computing

LISTED = [
    (name, track)
    for name, attack in ATTACKS.items()
    for track in attack.tracks
    if attack.on == "weights"
]
ON_PROMPTS = [name for name, attack in ATTACKS.items() if attack.on == "prompts"]
ATTACK = {name: importlib.import_module(ATTACKS[name].module).ATTACK for name in ATTACKS}
QUICK = {"learning_rate": 1e-2, "epochs": 3, "batch_size": 2, "adapter_dropout": 0.0}


def quick(name: str):
    """The attack's settings, with a training that takes no time, if it trains."""
    kind = ATTACK[name].Settings
    given = QUICK | {"tokens": 3}
    return kind(**{key: value for key, value in given.items() if key in types_of(kind)})


def attacked(track: str, folder, computing: Computing | None = None):
    """A run with ids for its records, and a watch that notes what it was asked about."""
    run = run_of(track, folder, computing or Computing(checkpoint_seconds=1e9))
    for name, examples in run.sets.items():
        ids = [f"{name}-{number}" for number in range(len(examples.lengths))]
        run.records[name] = run.records.get(name, _empty(len(ids))).assign(record_id=ids)
    memory = SimpleNamespace(
        MEMORIZATION_METRICS=(), memory=lambda model, examples: {"n": len(examples.lengths)}
    )
    run.watch = Watch(run.track, memory, None, 4, {"n": 0.0}).draw(run.sets, run.names)
    run.tokenizer = words_of(VOCABULARY)
    return run


def words_of(count: int):
    """A tokenizer of so many words, w0 and so on, whose last is the end of a text."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = {f"w{number}": number for number in range(count)}
    made = Tokenizer(models.WordLevel(known, unk_token="w0"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token=f"w{count - 1}", pad_token="w0")


def _empty(count: int):
    import pandas as pd

    return pd.DataFrame(index=range(count))


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_of_the_kind_that_the_registry_says(name):
    kinds = {"weights": WeightAttack, "prompts": PromptAttack}
    assert type(ATTACK[name]) is kinds[ATTACKS[name].on]


@pytest.mark.parametrize("name", ATTACKS)
def test_settings_have_bounds_and_defaults_that_keep_them(name):
    kind = ATTACK[name].Settings
    assert kind.__dataclass_params__.frozen
    assert list(field_problems(kind, dataclasses.asdict(kind()), name)) == []
    for key, of in types_of(kind).items():
        if isinstance(getattr(kind(), key), float):
            assert list(field_problems(kind, {key: math.nan}, name)), of


@pytest.mark.parametrize(("name", "track"), LISTED)
def test_it_changes_the_model_and_twice_to_the_same_bytes(name, track, tmp_path):
    ends = []
    for number in range(2):
        run = attacked(track, tmp_path / str(number))
        start = parameters(run.model)
        ATTACK[name].change(run, quick(name))
        assert not all(map(torch.equal, start, run.model.parameters()))
        assert all(map(torch.equal, start, run.reference.parameters()))
        ends.append(parameters(run.model))
    assert all(map(torch.equal, *ends))


@pytest.mark.parametrize(("name", "track"), LISTED)
def test_one_that_is_killed_goes_on_to_the_same_bits(name, track, tmp_path, monkeypatch):
    """At the third update; one that trains nothing has no such state."""
    settings, saving = quick(name), Computing(checkpoint_seconds=0.0)
    made, end, original = 0, math.inf, loop._Update.made

    def counted(*arguments):
        nonlocal made
        made += 1
        if made == end:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(loop._Update, "made", counted)
    whole = attacked(track, tmp_path / "whole", saving)
    ATTACK[name].change(whole, settings)
    if not made:
        return
    made, end = 0, min(made, 3)
    with pytest.raises(KeyboardInterrupt):
        ATTACK[name].change(attacked(track, tmp_path / "killed", saving), settings)
    run = attacked(track, tmp_path / "killed", saving)
    ATTACK[name].change(run, settings)
    assert all(map(torch.equal, whole.model.parameters(), run.model.parameters()))


@pytest.mark.parametrize("tune", ["full", "lora"])
def test_relearning_learns_some_of_the_forgotten_and_looks_at_the_rest(tune, tmp_path):
    """Five texts, of which a hash of the ids takes the half, whatever the model; the ids of these
    are told, and what is watched of `forget` are the others."""
    run = attacked("causal", tmp_path)
    ids = run.records["forget"]["record_id"].tolist()
    learnt = relearn.chosen(ids, 0.5)
    before = nll(dataclasses.replace(run, sets=some(run, learnt)), "forget")
    shown = relearn.change(run, relearn.Settings(**QUICK, tune=tune))
    assert shown == [name for name, one in zip(ids, learnt, strict=True) if one]
    assert 0 < len(shown) < len(ids)
    assert nll(dataclasses.replace(run, sets=some(run, learnt)), "forget") < before
    told = run.report()["watched"]
    assert [one["relearnt_n"] for one in told] == [len(shown)] * 4
    assert [one["forget_n"] for one in told] == [len(ids) - len(shown)] * 4
    assert told[0]["update"] == 0 and run.report()["steps"] == told[-1]["update"]


def some(run, chosen: np.ndarray) -> dict:
    return {"forget": run.track.subset(run.sets["forget"], np.flatnonzero(chosen))}


def test_of_other_text_nothing_forgotten_is_shown(tmp_path):
    run = attacked("causal", tmp_path)
    before = nll(run, "retain")
    assert relearn.change(run, relearn.Settings(**QUICK, text="retain", share=1.0)) == []
    assert nll(run, "retain") < before
    assert run.report()["watched"][0].keys() == {"update", "forget_n", "relearnt_n"}
    assert run.report()["watched"][0]["forget_n"] == 5


def test_the_same_records_are_chosen_of_any_selection_and_as_many_as_the_share():
    ids = [f"record {number}" for number in range(4000)]
    half = relearn.chosen(ids, 0.5)
    assert abs(half.mean() - 0.5) < 0.03 and abs(relearn.chosen(ids, 0.1).mean() - 0.1) < 0.02
    assert (relearn.chosen(ids[::-1], 0.5)[::-1] == half).all()
    assert not (relearn.chosen(ids, 0.1) & ~half).any(), "a larger share holds a smaller one"


@pytest.mark.parametrize(("share", "text"), [(0.0, "forget"), (1.0, "forget"), (0.0, "retain")])
def test_where_nothing_is_learnt_or_nothing_is_left_to_look_at_it_says_so(share, text, tmp_path):
    with pytest.raises(Unchanged, match="of 9 records are learnt" if text == "retain" else "of 5"):
        relearn.change(attacked("causal", tmp_path), relearn.Settings(share=share, text=text))


def test_names_of_attacks_and_of_models_after_them():
    assert is_attack("relearn") and is_attack("relearn-other") and not is_attack("learn")
    assert attack_of("relearn-other_text").label == "relearning, other text"
    assert split("npo-batch+relearn") == ("npo-batch", "relearn") and split("npo") == ("npo", "")


# --- on weights -----------------------------------------------------------------------------------


def test_rounded_by_hand():
    """Of 3 bits: seven values, -3 to 3 steps, the largest of a row at the end of its grid; a row of
    zeros stays, and the half of a step goes to the even one."""
    weight = torch.tensor([[3.0, -1.4, 0.5, 1.5], [0.0, 0.0, 0.0, 0.0], [-0.6, 0.35, 0.19, 0.05]])
    right = torch.tensor([[3.0, -1.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0], [-0.6, 0.4, 0.2, 0.0]])
    assert torch.allclose(quantize.rounded(weight, 3), right)


def test_rounding_moves_the_matrices_of_blocks_alone_by_half_a_step_at_most(tmp_path):
    """Of each output a step of its own, which in GPT-2's maps is a column."""
    moved = {}
    for bits in (4, 8):
        run = attacked("causal", tmp_path)
        before = {name: one.detach().clone() for name, one in run.model.named_parameters()}
        quantize.change(run, quantize.Settings(bits=bits))
        for name, weight in run.model.named_parameters():
            if not (".h." in name and weight.ndim == 2):
                assert torch.equal(weight, before[name])
                continue
            step = before[name].abs().amax(dim=0) / (2 ** (bits - 1) - 1)
            assert (len({*(weight[:, 0] / step[0]).round().tolist()}) > 2) and torch.allclose(
                weight / step, (weight / step).round(), atol=1e-9
            )
            assert ((weight - before[name]).abs() <= step / 2 + 1e-12).all()
        moved[bits] = sum((one - before[n]).abs().sum() for n, one in run.model.named_parameters())
        assert [one["forget_n"] for one in run.report()["watched"]] == [5, 5]
    assert moved[4] > 8 * moved[8] > 0


def test_a_learnt_prompt_leaves_the_model_as_it_is_and_helps_where_it_is_learnt(tmp_path):
    """Only rows of the new tokens differ; with them before the prompts the learnt half is likelier,
    and without them everything is as before."""
    run = attacked("causal", tmp_path)
    before = dict(attacked("causal", tmp_path / "other").model.named_parameters())
    ids = run.records["forget"]["record_id"].tolist()
    learnt = relearn.chosen(ids, 0.5)
    plain = run.track.subset(run.sets["forget"], np.flatnonzero(learnt))
    settings = soft_prompt.Settings(**{key: QUICK[key] for key in ("epochs", "batch_size")},
                                    tokens=3, learning_rate=0.1)  # fmt: skip
    assert soft_prompt.change(run, settings) == [
        name for name, one in zip(ids, learnt, strict=True) if one
    ]
    for name, weight in run.model.named_parameters():
        kept = weight[:VOCABULARY] if name == "transformer.wte.weight" else weight
        assert torch.equal(kept, before[name]), name
    assert len(run.model.transformer.wte.weight) == VOCABULARY + 3 == len(run.tokenizer)
    new = [VOCABULARY, VOCABULARY + 1, VOCABULARY + 2]
    asked = dataclasses.replace(run, sets={"forget": soft_prompt.before_all(plain, new)})
    fresh = attacked("causal", tmp_path / "third")
    soft_prompt.add_tokens(fresh, 3)
    untrained = dataclasses.replace(asked, model=fresh.model)
    assert nll(asked, "forget") < nll(untrained, "forget") - 0.05
    updates = -(-len(plain.lengths) // 2)
    told = [one["update"] for one in run.report()["watched"]]
    assert told == [0, *(1 + epoch * updates for epoch in range(4))], "0 is without the tokens"


def test_scores_ask_with_the_tokens_where_they_were_learnt():
    """What the template makes of a text is what was trained: the tokens, the prompt."""
    tokenizer = words_of(9)
    pair = ["w1 w2"], ["w3 w4"]
    plain, counted, _ = encode_pairs(tokenizer, *pair, "w5 {prompt} {completion}", 99)
    settings = soft_prompt.Settings(tokens=2)
    first, second = soft_prompt.names(2)
    tokenizer.add_special_tokens({"bos_token": first, "additional_special_tokens": [second]})
    template = soft_prompt.template(settings, "w5 {prompt} {completion}")
    asked = encode_pairs(tokenizer, *pair, template, 99)
    from palimpsest.tracks.causal.examples import LanguageModellingExamples

    ours = soft_prompt.before_all(LanguageModellingExamples(plain, 0, counted), [9, 10])
    assert asked[:2] == (ours.token_ids, ours.answers)
    assert ours.token_ids == [[9, 10, 5, 1, 2, 3, 4, 8]]


def test_one_token_starts_as_the_start_of_a_text(tmp_path):
    """Before it learns, nothing is changed but what the new token takes of the probability."""
    run = attacked("causal", tmp_path)
    texts = [[3, *ids[1:]] for ids in run.sets["forget"].token_ids]
    run.sets["forget"] = dataclasses.replace(run.sets["forget"], token_ids=texts)
    plain = run.model(torch.tensor([texts[0]])).logits
    ids = soft_prompt.add_tokens(run, 1)
    (asked, *_) = soft_prompt.before_all(run.sets["forget"], ids).token_ids
    assert asked == [VOCABULARY, *texts[0][1:]] and run.tokenizer.bos_token_id == VOCABULARY
    assert torch.allclose(run.model(torch.tensor([asked])).logits[..., :VOCABULARY], plain)


def test_an_untied_head_gives_new_tokens_no_more_than_their_share(tmp_path):
    run = attacked("causal", tmp_path)
    run.model.config.tie_word_embeddings = False
    run.model.lm_head.weight = torch.nn.Parameter(run.model.lm_head.weight.detach().clone())
    soft_prompt.add_tokens(run, 3)
    assert run.model.lm_head.weight is not run.model.transformer.wte.weight
    ids = torch.arange(1, 9)[None]
    leaked = torch.softmax(run.model(ids).logits, -1)[..., VOCABULARY:].sum(-1)
    assert 0 < leaked.max() <= 3 / VOCABULARY


@pytest.mark.parametrize(
    ("prompts", "tokens", "told"),
    [("", 3, "5 records without a prompt"), ("who", 9, "longer than the model's context")],
)
def test_a_learnt_prompt_that_no_text_can_have_is_refused(prompts, tokens, told, tmp_path):
    run = attacked("causal", tmp_path)
    run.records["forget"]["prompt"] = prompts
    with pytest.raises(UserError, match=told):
        soft_prompt.change(run, soft_prompt.Settings(tokens=tokens))


# --- on prompts -----------------------------------------------------------------------------------

FACTS = {"owners": 20, "records": 3, "seed": 5, "reader": "people"}


@pytest.mark.parametrize("name", ON_PROMPTS)
def test_it_asks_about_the_same_records_and_answers_the_same(name):
    """Each record at most once, with a prompt of its own; where answers are not told to stay, what
    is given before and what is left are the answer."""
    records = people(**{key: FACTS[key] for key in ("owners", "records", "seed")})
    asked = Asked("Q: {prompt} A: {completion}", FACTS, [])
    told = ATTACK[name].reword(records, quick(name), asked)
    assert told["record_id"].is_unique and set(told["record_id"]) <= set(records["record_id"])
    assert len(told) > 0 and list(told) == list(records)
    before = records.set_index("record_id").loc[told["record_id"]]
    assert (told["prompt"].to_numpy() != before["prompt"].to_numpy()).all()
    if ATTACK[name].answers:
        assert (told["completion"].to_numpy() == before["completion"].to_numpy()).all()
    others = told.drop(columns=["prompt", "completion"])
    assert others.equals(before.reset_index()[list(records)].drop(columns=["prompt", "completion"])
                         .set_axis(others.index))  # fmt: skip


def test_the_start_of_an_answer_is_given_after_the_filled_template():
    import pandas as pd

    records = pd.DataFrame({
        "record_id": ["a", "b", "c"], "prompt": ["Who?", "Where?", ""],
        "completion": ["The  king of Velmoor.", "Nowhere", "Once upon a time"],
    })  # fmt: skip
    asked = Asked("Q: {prompt}\nA: {completion}", {}, [])
    told = prefix.reword(records, prefix.Settings(share=0.5), asked)
    assert told["record_id"].tolist() == ["a", "c"], "a single word cannot be begun"
    assert told["prompt"].tolist() == ["Q: Who?\nA: The  king", "Once upon"]
    assert told["completion"].tolist() == ["of Velmoor.", "a time"]
    assert prefix.ATTACK.template(prefix.Settings(), asked.template) == "{prompt} {completion}"
    edited = records.assign(new_answer="Another.", rephrase="Whose?")
    edited = prefix.reword(edited, prefix.Settings(), asked)
    assert set(edited["new_answer"]) == set(edited["rephrase"]) == {""}, "they do not go on from it"
    cuts = [prefix.cut("one two three four five", share) for share in (0.0, 0.5, 1.0)]
    assert [len(first.split()) for first, _ in cuts] == [1, 2, 4]


def test_the_model_reads_the_same_tokens_before_the_rest_as_when_it_is_not_begun():
    tokenizer, template = words_of(9), "w5 {prompt} w6 {completion}"
    whole, counted, _ = encode_pairs(tokenizer, ["w1"], ["w2 w3 w4"], template, 99)
    import pandas as pd

    records = pd.DataFrame({"record_id": ["a"], "prompt": ["w1"], "completion": ["w2 w3 w4"]})
    told = prefix.reword(records, prefix.Settings(share=0.4), Asked(template, {}, []))
    texts = told["prompt"].tolist(), told["completion"].tolist()
    begun, left, _ = encode_pairs(tokenizer, *texts, prefix.JOINED, 99)
    assert begun == whole and sum(counted[0]) == 4 and sum(left[0]) == 3


def test_another_phrasing_asks_for_the_same_fact_of_the_same_person():
    from palimpsest.data.people_words import TOPICS

    records = people(**{key: FACTS[key] for key in ("owners", "records", "seed")})
    told = paraphrase.reword(records, paraphrase.Settings(), Asked("", FACTS, []))
    assert len(told) == len(records)
    topics = list(TOPICS.values())[: FACTS["records"]]

    def asks(question: str) -> tuple[int, str]:
        """Which topic a question is of, and about whom."""
        ((number, name),) = {
            (number, question.removeprefix(start).removesuffix(end))
            for number, topic in enumerate(topics)
            for start, end in (one.split("{name}") for one in topic.questions)
            if question.startswith(start) and question.endswith(end)
        }
        return number, name

    assert list(map(asks, told["prompt"])) == list(map(asks, records["prompt"]))
