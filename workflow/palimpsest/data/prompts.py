"""Prompts and completions as the tokens that a causal model is given, and which of them its loss
and scores count."""

from __future__ import annotations

import re
from collections.abc import Sequence

from palimpsest.errors import Problem, UserError

CHAT = "chat"
# Some chat templates write today's date: tokens would depend on the day. All are told this one, in
# this form, whether they ask for `date_string` or call `strftime_now`.
DATE = "01 Jan 2024"
SAME_DAY = f"{{%- macro strftime_now(format) -%}}{DATE}{{%- endmacro -%}}"
RANDOM = re.compile(r"\|\s*random\b|\blipsum\b")  # what jinja offers to draw by
OTHER_TEMPLATE = 'give a template such as "Question: {prompt}\\nAnswer: {completion}"'


def encode_pairs(
    tokenizer, prompts: Sequence[str], completions: Sequence[str], template: str, max_length: int
) -> tuple[list[list[int]], list[list[bool]], list[int]]:
    """n prompts and completions -> token_ids (n lists), answers (n lists, a bool a token: what
    counts), too_long (positions, ascending).

    A text is a start token, the prompt in its ``template``, the completion and an end-of-text
    token; the completion and the end count. The start token is the tokenizer's bos, or where it has
    none its eos: so that, where the prompt is "" and the text is the completion alone, its first
    token is predicted from something and counts too. Nothing is cut: ``too_long`` are the texts of
    more than ``max_length`` tokens, for the caller to leave out or to refuse (``refuse_too_long``).

    ``template`` holds {prompt} once and ends in {completion}, such as "Question: {prompt}\\nAnswer:
    {completion}", or is "chat": then the tokenizer's chat template writes all that stands before
    the completion, the start token too. It is not used for an empty prompt. What it puts before the
    completion does not count; in TOFU's code "Answer: " is a part of the answer and does, which
    makes its probabilities a little higher.

    What stands before the completion and the completion are encoded apart and joined, so that no
    token holds letters of both and the tokens of a prompt are the same before every completion. A
    space between them goes to the completion, as tokenizers have it at the beginning of a word. In
    a completion the name of a special token is plain text: only the last token can end it.

    Raises UserError for a template of another form, a tokenizer without an end-of-text token, and
    "chat" where it has no chat template.
    """
    _check(tokenizer, template)
    end, chat = tokenizer.eos_token_id, template == CHAT
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else end
    heads = [_head(tokenizer, prompt, template) if prompt else "" for prompt in prompts]
    # SentencePiece adds that space by itself
    adds_space = tokenizer.convert_ids_to_tokens(_ids(tokenizer, ["a"])[0])[0].startswith("▁")
    tails = [
        f" {completion}" if head.endswith(" ") and not adds_space else completion
        for head, completion in zip(heads, completions, strict=True)
    ]
    heads = [head.removesuffix(" ") for head in heads]
    token_ids, answers, too_long = [], [], []
    pairs = zip(
        prompts,
        _ids(tokenizer, heads),
        _ids(tokenizer, tails, split_special_tokens=True),
        strict=True,
    )
    for position, (prompt, head, tail) in enumerate(pairs):
        before = head if chat and prompt else [start, *head]
        token_ids.append([*before, *tail, end])
        answers.append([False] * len(before) + [True] * (len(tail) + 1))
        if len(token_ids[-1]) > max_length:
            too_long.append(position)
    return token_ids, answers, too_long


def refuse_too_long(
    token_ids: list[list[int]], too_long: list[int], record_ids: Sequence[str], max_length: int
) -> None:
    """Raise a UserError that counts and names the records at ``too_long``, if there are any."""
    if not too_long:
        return
    named = ", ".join(repr(record_ids[position]) for position in too_long[:5]) + (
        ", ..." if len(too_long) > 5 else ""
    )
    found = (
        f"{len(too_long)} of {len(token_ids)}: {named}; the longest has {max(map(len, token_ids))} "
        "tokens"
    )
    remedy = "raise `max_length` if the model has room for it, or leave these records out"
    raise UserError(
        Problem(
            "records are longer than the context",
            "model.max_length",
            found,
            f"{max_length} tokens",
            remedy,
        )
    )


def _check(tokenizer, template: str) -> None:
    problems = []
    if tokenizer.eos_token_id is None:
        problems.append(
            Problem(
                "the tokenizer has no end-of-text token",
                "model",
                remedy="use one that has an eos_token",
            )
        )
    if template == CHAT:
        what = ""
        if not tokenizer.chat_template:
            what = "the tokenizer has no chat template"
        elif RANDOM.search(str(tokenizer.chat_template)):
            what = "the tokenizer's chat template draws at random"
        if what:
            problems.append(Problem(what, "template", repr(CHAT), remedy=OTHER_TEMPLATE))
    elif (
        template.count("{prompt}") != 1
        or template.count("{completion}") != 1
        or not template.endswith("{completion}")
    ):
        allowed = f"{{prompt}} once and {{completion}} once, at the end, or {CHAT!r}"
        problems.append(
            Problem(
                "not a template of prompt and completion",
                "template",
                repr(template),
                allowed,
                "correct it",
            )
        )
    if problems:
        raise UserError(problems)


def _head(tokenizer, prompt: str, template: str) -> str:
    """All that stands before the completion."""
    if template == CHAT:
        turn = [{"role": "user", "content": prompt}]
        from jinja2 import TemplateError

        try:
            return tokenizer.apply_chat_template(
                turn,
                tokenize=False,
                add_generation_prompt=True,
                chat_template=SAME_DAY + tokenizer.get_chat_template(),
                date_string=DATE,
            )
        except (TemplateError, ValueError) as error:  # it has words of its own for what it refuses
            what = "the tokenizer's chat template takes no prompt alone"
            said = " ".join(str(error).replace(prompt, "...").split())[:120]
            found = f"{type(error).__name__}: {said}"
            raise UserError(Problem(what, "template", found, remedy=OTHER_TEMPLATE)) from None
    # not str.format: braces elsewhere in the template, and in the prompt, are plain text
    return template.removesuffix("{completion}").replace("{prompt}", prompt)


def _ids(tokenizer, texts: list[str], **options) -> list[list[int]]:
    return (
        tokenizer(texts, add_special_tokens=False, verbose=False, **options)["input_ids"]
        if texts
        else []
    )
