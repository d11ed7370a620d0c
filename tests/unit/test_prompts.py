"""Prompts and completions as tokens: what counts, where a token ends, and what does not fit."""

from __future__ import annotations

import copy

import pytest
from tokenizers import Tokenizer, models, normalizers
from transformers import PreTrainedTokenizerFast

from palimpsest.data.prompts import encode_pairs, refuse_too_long
from palimpsest.errors import UserError
from palimpsest.models.bpe import train_bpe

QA = "Question: {prompt}\nAnswer: {completion}"
CHAT = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}{% if "
    "add_generation_prompt %}<|assistant|>{% endif %}"
)
PROMPTS = ["Where was Orla born?", "Who?", ""]
COMPLETIONS = ["In Velmoor.", "In Velmoor, by the mill.", "In Velmoor it rained."]


@pytest.fixture(scope="module")
def bpe():
    return train_bpe([QA, *PROMPTS, *COMPLETIONS] * 3, 400)


def texts(tokenizer, ids, answers) -> tuple[str, str]:
    """(what does not count, what counts) of one text."""
    first = answers.index(True)
    assert answers == [False] * first + [True] * (len(ids) - first)
    return tokenizer.decode(ids[:first]), tokenizer.decode(ids[first:])


def test_the_completion_and_the_end_count_and_nothing_else(bpe):
    token_ids, answers, too_long = encode_pairs(bpe, PROMPTS, COMPLETIONS, QA, 1000)
    end = "<|endoftext|>"
    assert [texts(bpe, *pair) for pair in zip(token_ids, answers, strict=True)] == [
        (f"{end}Question: Where was Orla born?\nAnswer:", f" In Velmoor.{end}"),
        (f"{end}Question: Who?\nAnswer:", f" In Velmoor, by the mill.{end}"),
        (end, f"In Velmoor it rained.{end}"),
    ]
    assert too_long == [] and all(row[0] == row[-1] == bpe.eos_token_id for row in token_ids)


def test_the_boundary_is_stable(bpe):
    """A prompt has the same tokens before every completion, also where the two would merge; the
    space is the word's, as in running text."""
    completions = ["cat", "s", "", " In", "\n"]
    for template in (QA, "{prompt}{completion}", "{prompt} {completion}"):
        token_ids, answers, _ = encode_pairs(bpe, ["Where"] * 5, completions, template, 1000)
        heads = {
            tuple(ids[: counts.index(True)]) for ids, counts in zip(token_ids, answers, strict=True)
        }
        assert len(heads) == 1
        written = [bpe.decode(ids[1:-1]) for ids in token_ids]
        assert written == [
            template.replace("{prompt}", "Where").replace("{completion}", completion)
            for completion in completions
        ]
    ((ids,), _, _) = encode_pairs(bpe, ["Where was Orla"], ["born?"], "{prompt} {completion}", 1000)
    assert ids[1:-1] == bpe("Where was Orla born?")["input_ids"]


def test_a_completion_cannot_end_itself(bpe):
    """The name of a special token in a record is text: end of text and padding stand where they are
    put and nowhere else."""
    token_ids, answers, _ = encode_pairs(
        bpe, ["Who?", ""], ["<|endoftext|> not <|pad|>"] * 2, QA, 1000
    )
    for ids, counts in zip(token_ids, answers, strict=True):
        assert ids.count(bpe.eos_token_id) == 2 and bpe.pad_token_id not in ids
        assert "<|endoftext|> not <|pad|><|endoftext|>" in texts(bpe, ids, counts)[1]
    assert bpe("<|endoftext|>")["input_ids"] == [bpe.eos_token_id], "the tokenizer stays as it was"


def test_what_does_not_fit_is_named_and_not_cut(bpe):
    whole, answers, too_long = encode_pairs(bpe, PROMPTS, COMPLETIONS, QA, 1000)
    longest = max(map(len, whole))
    assert encode_pairs(bpe, PROMPTS, COMPLETIONS, QA, longest) == (whole, answers, [])
    short = encode_pairs(bpe, PROMPTS, COMPLETIONS, QA, longest - 1)
    assert (
        short[:2] == (whole, answers)
        and short[2] == [n for n in range(3) if len(whole[n]) == longest] != []
    )
    refuse_too_long(whole, [], ["a", "b", "c"], longest)
    with pytest.raises(UserError) as error:
        refuse_too_long(whole, [0, 2], ["a", "b", "c"], longest - 1)
    assert f"2 of 3: 'a', 'c'; the longest has {longest} tokens" in str(
        error.value
    ) and "Velmoor" not in str(error.value)


def test_braces_are_plain_text(bpe):
    (ids,), (counts,), _ = encode_pairs(
        bpe, ["{completion} {0}"], ["{prompt}"], '{"q": "{prompt}", "a": {completion}', 1000
    )
    assert texts(bpe, ids, counts) == (
        '<|endoftext|>{"q": "{completion} {0}", "a":',
        " {prompt}<|endoftext|>",
    )


@pytest.mark.parametrize(
    "date",
    [
        "{% set day = strftime_now('%d %B %Y') %}{{ day }}",
        "{{ date_string or strftime_now('%Y') }}",
        "{% macro day(n) %}{% if n %}{{ strftime_now('%d') }}{% endif %}{% endmacro %}{{ day(1) }}",
        "{% for n in [1] %}{% if strftime_now is defined %}{{ strftime_now('') }}{% endif %}"
        "{% endfor %}",
    ],
)
def test_a_chat_template_is_told_one_day_always(bpe, date):
    tokenizer = copy.deepcopy(bpe)
    tokenizer.chat_template = date + " {{ messages[0]['content'] }}"
    written = tokenizer.decode(encode_pairs(tokenizer, ["Who?"], ["Me."], "chat", 1000)[0][0])
    assert written.startswith("01 Jan 2024 Who?")


def test_a_chat_template_writes_the_start_but_not_for_plain_text(bpe):
    tokenizer = train_bpe([CHAT], 300)
    tokenizer.chat_template = CHAT
    token_ids, answers, _ = encode_pairs(tokenizer, PROMPTS[1:], COMPLETIONS[1:], "chat", 1000)
    assert [texts(tokenizer, *pair) for pair in zip(token_ids, answers, strict=True)] == [
        ("<|user|>Who?\n<|assistant|>", "In Velmoor, by the mill.<|endoftext|>"),
        ("<|endoftext|>", "In Velmoor it rained.<|endoftext|>"),
    ]
    with pytest.raises(UserError, match="no chat template"):
        encode_pairs(bpe, ["Who?"], ["Me."], "chat", 1000)


def word_level(words: str, normalizer=None, **special) -> PreTrainedTokenizerFast:
    tokens = [*special.values(), *words.split()]
    backend = Tokenizer(models.BPE({token: n for n, token in enumerate(tokens)}, []))
    if normalizer:
        backend.normalizer = normalizer
    return PreTrainedTokenizerFast(tokenizer_object=backend, **special)


def test_a_token_of_its_own_begins_a_text_where_there_is_one():
    tokenizer = word_level("a b", bos_token="<s>", eos_token="</s>")
    assert encode_pairs(tokenizer, ["a", ""], ["b", "a"], "{prompt}{completion}", 9) == (
        [[0, 2, 3, 1], [0, 2, 1]],
        [[False, False, True, True], [False, True, True]],
        [],
    )


def test_a_tokenizer_that_writes_the_space_itself_gets_none():
    """As SentencePiece's: it puts a space before every text, so that " b" would be two of them and
    a token that says nothing."""
    own = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer = word_level("▁ a b", own, eos_token="</s>")
    assert encode_pairs(tokenizer, ["a"], ["b"], "{prompt} {completion}", 9)[0] == [
        [0, 1, 2, 1, 3, 0]
    ]


ONE_SIDED = ["{prompt}", "{completion}", "Chat", ""]
TWISTED = [
    "{completion}{prompt}",
    "{prompt}{completion}.",
    "{prompt}{prompt}{completion}",
    "{completion}{prompt}{completion}",
]


@pytest.mark.parametrize("template", ONE_SIDED + TWISTED)
def test_other_templates_are_refused(bpe, template):
    with pytest.raises(UserError, match="not a template"):
        encode_pairs(bpe, ["a"], ["b"], template, 9)


def test_a_tokenizer_without_an_end_is_refused():
    with pytest.raises(UserError, match="no end-of-text token"):
        encode_pairs(word_level("a b", bos_token="<s>"), ["a"], ["b"], "{prompt}{completion}", 9)


def test_no_texts_are_no_texts(bpe):
    assert encode_pairs(bpe, [], [], QA, 9) == ([], [], [])


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ ['a', 'b'] | random }}{{ messages[0]['content'] }}", "draws at random"),
        ("{{ lipsum(1) }}{{ messages[0]['content'] }}", "draws at random"),
        ("{{ raise_exception('no system: ' + messages[0]['content']) }}", "no system: ..."),
        ("{{ messages[0]['content'] }", "TemplateSyntaxError"),
        ("{{ messages[0].of.nothing }}", "UndefinedError"),
    ],
)
def test_a_chat_template_that_gives_no_certain_text_is_refused(bpe, template, words):
    tokenizer = copy.deepcopy(bpe)
    tokenizer.chat_template = template
    with pytest.raises(UserError) as caught:
        encode_pairs(tokenizer, ["Velmoor?"], ["Me."], "chat", 1000)
    told = str(caught.value)
    assert words in told and "give a template such as" in told and "Velmoor" not in told


def test_a_template_may_speak_of_what_is_random(bpe):
    tokenizer = copy.deepcopy(bpe)
    tokenizer.chat_template = "random: {{ messages[0]['content'] }}"
    encode_pairs(tokenizer, ["Who?"], ["Me."], "chat", 1000)
