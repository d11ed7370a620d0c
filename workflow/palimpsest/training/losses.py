"""Losses as pure functions of tensors. Each returns a sum over what counts; the loop divides by the
number counted in the whole batch, so that neither padding nor the way a batch is split changes an
update."""

from __future__ import annotations

import torch
from torch.nn import functional


def wide(values: torch.Tensor) -> torch.Tensor:
    """At least float32: sums of logarithms lose too much in less."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def cross_entropy_sum(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """logits (B, C), labels (B,) int -> (): sum over examples of -log softmax(logits)[label], in
    nats, in float32 or wider."""
    return functional.cross_entropy(wide(logits), labels, reduction="sum")


def per_example(values: torch.Tensor, rows: torch.Tensor, examples: int) -> torch.Tensor:
    """values (N,) of single predictions, rows (N,): which example each belongs to -> (examples,):
    their sums."""
    return torch.zeros(examples, dtype=values.dtype, device=values.device).index_add(
        0, rows, values
    )


def kl_terms(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (N, K) of both -> (N, K), whose sum over K is KL(teacher || student), in
    nats. Terms of teacher probability 0 are 0, even where the student's probability is 0, too, as
    in the rows that pad a vocabulary to a round size. Where the student's alone is 0 they are inf,
    even where the teacher's is too small for a float."""
    never = teacher == -torch.inf
    terms = (teacher.exp() * (teacher - student)).masked_fill(never, 0)
    return terms.masked_fill((student == -torch.inf) & ~never, torch.inf)


def kl_sum(teacher: torch.Tensor, student_logits: torch.Tensor) -> torch.Tensor:
    """teacher (N, K) log-probabilities, student_logits (N, K) -> (): sum over predictions of
    KL(teacher || student), in nats."""
    return kl_terms(wide(teacher), torch.log_softmax(wide(student_logits), dim=-1)).sum()
