"""The masked track: blanks as tokens of any kind of tokenizer, logits where something is hidden,
and what is asked of a model."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedTokenizerFast

from palimpsest.data.blanks import BLANK
from palimpsest.errors import UserError
from palimpsest.models.masked import hidden_logits, load_masked, make_masked
from palimpsest.models.tokenizers import train_wordpiece
from palimpsest.tracks.masked import model as track
from palimpsest.tracks.masked import score as scoring
from palimpsest.tracks.masked.encoded import encode_texts
from palimpsest.tracks.masked.memory import memory

WORDS = "the nurse said that he she left him self her mon day ."


def wordpiece():
    """No piece of `himself` whole."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS.split(), "##self", "##day"]
    tokenizer = Tokenizer(
        models.WordPiece({name: place for place, name in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    ends = [(name, vocabulary.index(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, ends)
    roles = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **roles)


def byte_level():
    """As RoBERTa has it: a space belongs to the word behind it."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", "h"), ("Ġh", "e"), ("Ġ", "s"), ("Ġs", "h"), ("Ġsh", "e")]
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters, *map("".join, merges)]
    tokenizer = Tokenizer(models.BPE({name: n for n, name in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    roles = dict(pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="<mask>", **roles)


def sentence_pieces():
    """As ALBERT has it: `▁` stands for the space before a word."""
    words = ["▁the", "▁nurse", "▁said", "▁that", "▁he", "▁she", "▁left", "▁him", "self", "."]
    letters = [(letter, -9.0) for letter in "▁abcdefghijklmnopqrstuvwxyz"]
    pieces = [(name, 0.0) for name in ("[CLS]", "<pad>", "[SEP]", "<unk>", "[MASK]")]
    pieces += [*((word, -2.0) for word in words), *letters]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    ends = [("[CLS]", 0), ("[SEP]", 2)]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, ends)
    roles = dict(pad_token="<pad>", unk_token="<unk>", cls_token="[CLS]", sep_token="[SEP]")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **roles)


def encoded(tokenizer, *texts: tuple[str, str]):
    names = [f"r{number}" for number in range(len(texts))]
    return encode_texts(tokenizer, *map(list, zip(*texts, strict=True)), names)


@pytest.mark.parametrize("make", [wordpiece, byte_level, sentence_pieces])
def test_the_pieces_of_a_blank_are_hidden_and_no_others(make):
    """Whatever marks the beginning of a word; the text is what the tokenizer makes of plain text,
    and both pronouns, which are one piece each, leave the same input."""
    tokenizer = make()
    text = f"the nurse said that {BLANK} left."
    one = encoded(tokenizer, (text, "he"), (text, "she"), (text, "himself"))
    for number, word in enumerate(("he", "she", "himself")):
        plain = tokenizer(text.replace(BLANK, word))["input_ids"]
        assert one.token_ids[number] == plain
        hidden = [token for token, mark in zip(plain, one.hidden[number], strict=True) if mark]
        assert tokenizer.decode(hidden).strip() == word and one.answers == one.hidden
        assert len(hidden) == 1 if word != "himself" else len(hidden) > 1
        batch = one.batch(np.array([number]))
        asked = batch["counted"][0]
        assert (batch["input_ids"][0][asked] == tokenizer.mask_token_id).all()
        assert batch["input_ids"][0][~asked].tolist() == [
            token for token, mark in zip(plain, one.hidden[number], strict=True) if not mark
        ]
    assert one.batch(np.array([0]))["input_ids"].equal(one.batch(np.array([1]))["input_ids"])


def test_of_a_plain_text_all_is_asked_for_and_a_share_hidden():
    tokenizer = wordpiece()
    long = " ".join(["the nurse left ."] * 10)
    found = encoded(tokenizer, ("", long), ("", "left"), ("", long))
    assert [sum(one) for one in found.answers] == [40, 1, 40]
    assert found.counted.tolist() == [6, 1, 6], "15 per cent, one at least"
    assert found.hidden[0] == found.hidden[2], "drawn by the text"
    assert not found.answers[0][0] and not found.answers[0][-1], "special tokens are given"
    alone = found.hiding([1, 1, 3])
    assert alone.counted.tolist() == [1, 1, 1] and alone.hidden[2][3]


def test_blanks_that_are_none_and_tokenizers_without_a_mask_are_refused():
    with pytest.raises(UserError) as error:
        encoded(wordpiece(), ("no blank", "he"), (f"{BLANK} {BLANK}", "he"), (f"{BLANK} .", " "))
    assert [one.what for one in error.value.problems] == [
        "prompts without one blank", "no token is left of these completions",
    ]  # fmt: skip
    assert error.value.problems[0].found == "2 of 3 records: 'r0', 'r1'"
    without = wordpiece()
    without.mask_token = None
    with pytest.raises(UserError, match="no mask token"):
        encoded(without, ("", "he"))
    records = pd.DataFrame({"record_id": ["a"], "prompt": [""], "completion": ["the nurse left"]})
    with pytest.raises(UserError, match="longer than the context"):
        track.encode(records, wordpiece(), {"max_length": 4})


SMALL = {
    "bert": {}, "roberta": {"pad_token_id": 0}, "albert": {"embedding_size": 8},
    "modernbert": {
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
        "cls_token_id": 1, "sep_token_id": 2,
    },
}  # fmt: skip


@pytest.mark.parametrize("architecture", SMALL)
def test_the_head_sees_hidden_places_alone_and_says_the_same(architecture):
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        architecture, vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=24, **SMALL[architecture],
    )  # fmt: skip
    model = AutoModelForMaskedLM.from_config(config).eval()
    ids = torch.randint(5, 20, (3, 7))
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [1] * 6 + [0]])
    places = torch.zeros(3, 7, dtype=torch.bool)
    places[0, 2] = places[0, 5] = places[2, 1] = True
    with torch.no_grad():
        found = hidden_logits(model, ids, mask, places)
        whole = model(input_ids=ids, attention_mask=mask).logits[places]
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-5)
    assert whole.shape == (3, 20) and not model.base_model._forward_hooks


def test_a_model_without_a_masked_head_is_refused(tmp_path):
    settings = {"init": "scratch", "architecture": "gpt2", "config": {}, "max_length": 8}
    with pytest.raises(UserError, match="no masked head"):
        make_masked(settings, wordpiece(), "seed")
    AutoConfig.for_model("gpt2").save_pretrained(tmp_path)
    with pytest.raises(UserError, match="no masked head"):
        load_masked(tmp_path, wordpiece())


class Counting(torch.nn.Module):
    """At a masked place the log-odds of a token are its id, less the ids that are visible at the
    odd places; in training it says nothing of use."""

    device = torch.device("cpu")

    def __init__(self, vocabulary: int, mask: int):
        super().__init__()
        self.vocabulary, self.mask, self.seen = vocabulary, mask, 0
        self.base_model = torch.nn.Module()
        self.base_model.forward = self.body

    def body(self, input_ids):
        return SimpleNamespace(last_hidden_state=input_ids[..., None].float())

    def forward(self, input_ids, attention_mask, return_dict):
        self.seen += len(input_ids)
        tilt = (input_ids * attention_mask)[:, 1::2].sum(1) % 5
        tokens = torch.arange(self.vocabulary)
        odds = (tokens[None] == tilt[:, None]) * 3.0 + tokens / 10 + 50 * self.training
        states = odds[:, None].expand(-1, input_ids.shape[1], -1)
        hook = next(iter(self.base_model._forward_hooks.values()))
        found = hook(self.base_model, (), SimpleNamespace(last_hidden_state=states))
        return SimpleNamespace(logits=found.last_hidden_state)


def by_hand(model: Counting, ids: list[int], place: int) -> np.ndarray:
    """Log-probabilities of all tokens at a place, with all others visible."""
    hidden = [*ids[:place], model.mask, *ids[place + 1 :]]
    odds = np.arange(model.vocabulary) / 10
    odds[sum(hidden[1::2]) % 5] += 3
    return odds - np.log(np.exp(odds).sum())


def test_each_token_is_asked_for_alone_and_each_benchmark_in_its_own_way():
    tokenizer = wordpiece()
    model = Counting(len(tokenizer), tokenizer.mask_token_id).train()
    about = {"task": "", "term": "nurse", "domain": "gender", "statistic": ""}
    records = pd.DataFrame([
        about | {"record_id": "plain", "prompt": "", "completion": "she left him"},
        about | {"record_id": "word", "prompt": f"the nurse said {BLANK} left",
                 "completion": "himself", "task": "stereoset_intra"},
        about | {"record_id": "pair", "prompt": "", "completion": "he left him",
                 "task": "crows_pairs"},
    ])  # fmt: skip
    candidates = pd.DataFrame([
        ("word", "anti_stereotype", 1, "her"), ("word", "unrelated", 1, "xyz"),
        ("pair", "other", 1, "she left him"),
    ], columns=["record_id", "kind", "number", "completion"])  # fmt: skip
    texts = scoring.texts(records, candidates)
    examples = encode_texts(
        tokenizer, *(texts[name].tolist() for name in ("prompt", "completion", "record_id"))
    )
    found = scoring.score(model, tokenizer, examples, texts, {"batch_size": 2})
    assert texts["kind"].tolist() == ["", "", "", "anti_stereotype", "unrelated", "other"]
    assert found["tokens"].tolist() == [3, 2, 2, 1, 1, 2]
    ids = examples.token_ids
    at = {row: np.flatnonzero(examples.answers[row]).tolist() for row in range(6)}
    alone = {row: [by_hand(model, ids[row], place)[ids[row][place]] for place in at[row]]
             for row in at}  # fmt: skip
    for row in (0, 1, 3, 4):
        assert found["logp"][row] == pytest.approx(sum(alone[row]), rel=1e-5)
    for row in (2, 5):  # of the pair: what both have, `left him`
        assert found["logp"][row] == pytest.approx(sum(alone[row][1:]), rel=1e-5)
        assert found["single"][row] == pytest.approx(alone[row][0], rel=1e-5)
    # of the word's pieces the first stands alone, with nothing behind it
    first, second = at[1]
    short = [*ids[1][: first + 1], *ids[1][second + 1 :]]
    pieces = by_hand(model, short, first)[ids[1][first]], alone[1][1]
    assert found["inserted"][1] == pytest.approx(np.exp(pieces).mean(), rel=1e-5)
    assert found["inserted"][3] == pytest.approx(np.exp(alone[3][0]), rel=1e-5)
    assert np.isnan(found["inserted"][[0, 2, 5]]).all()
    assert found["single"][3] == pytest.approx(alone[3][0], rel=1e-5)
    assert np.isnan(found["single"][[0, 1, 4]]).all(), "several pieces, and an unknown one"
    ranks = [
        1 + (by_hand(model, ids[0], place) > by_hand(model, ids[0], place)[ids[0][place]]).sum()
        for place in at[0]
    ]
    assert len(set(ranks)) > 1
    assert found["reciprocal"][0] == pytest.approx(sum(1 / rank for rank in ranks))
    assert np.isnan(found["reciprocal"][1:]).all() and np.isnan(found["digits"]).all()
    # 3 of the plain text, which the pair asks for, too; 2 of the pair's other; 3 of the word, of
    # which one is what its two single candidates ask for
    assert model.seen == 3 + 2 + 3
    assert not model.training


def test_a_number_is_ranked_digit_by_digit():
    """To this model a higher digit is likelier: before 7, two are, before 2 seven, so 27 numbers
    are before 72. A letter makes none of it, nor does a digit that is written as no other is."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"0123456789", "a", "##3"]
    words = Tokenizer(
        models.WordPiece({name: place for place, name in enumerate(pieces)}, unk_token="[UNK]")
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    roles = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, mask_token="[MASK]", **roles)
    about = {"task": "", "term": "", "domain": "", "statistic": "", "prompt": f"a {BLANK} a"}
    secrets = ["7 2", "7 a", "3", "73"]
    records = pd.DataFrame([about | {"record_id": one, "completion": one} for one in secrets])
    texts = scoring.texts(records, None)
    examples = encode_texts(tokenizer, texts["prompt"], secrets, secrets)
    model = Counting(len(tokenizer), tokenizer.mask_token_id)
    found = scoring.score(model, tokenizer, examples, texts, {"batch_size": 3})
    assert found["digits"].tolist() == pytest.approx([27, np.nan, 6, np.nan], nan_ok=True)
    assert found["tokens"].tolist() == [2, 2, 1, 2]


def test_memory_is_the_mean_over_hidden_tokens():
    tokenizer = train_wordpiece([WORDS], 60, lowercase=True)
    config = AutoConfig.for_model(
        "bert", vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1,
        num_attention_heads=1, intermediate_size=8,
    )  # fmt: skip
    torch.manual_seed(1)
    model = AutoModelForMaskedLM.from_config(config)
    some = encoded(tokenizer, (f"the {BLANK} left", "nurse"), ("", "he said that she left him ."))
    found = memory(model, some)["log_likelihood"]
    total = 0.0
    for number in range(2):
        batch = some.batch(np.array([number]))
        with torch.no_grad():
            logits = model.eval()(input_ids=batch["input_ids"]).logits
        logp = torch.log_softmax(logits, -1)[batch["counted"]]
        total += float(logp.gather(1, batch["truth"][batch["counted"]][:, None]).sum())
    assert found == pytest.approx(total / some.counted.sum(), rel=1e-5)
