"""Where a long job is: a bar when called by hand, a line every few seconds in a log."""

from __future__ import annotations

import sys
import time

SECONDS = 5.0


class Progress:
    """Reports step, loss if there is one, tokens a second and the time left."""

    def __init__(self, steps: int, start: int = 0, title: str = "train"):
        self.steps, self.start, self.title = steps, start, title
        self.began = self.last = time.monotonic()
        self.done, self.tokens = start, 0
        self.bar = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(total=steps, initial=start, desc=title, unit="step")

    def update(self, step: int, loss: float | None, tokens: int) -> None:
        """``step`` updates are done (counted from 1); ``loss`` of the last; ``tokens`` since the
        last call."""
        self.done = step
        self.tokens += tokens
        now = time.monotonic()
        rate = self.tokens / max(now - self.began, 1e-9)
        told = {} if loss is None else {"loss": f"{loss:.4f}"}
        if self.bar is not None:
            self.bar.update(step - self.bar.n)
            self.bar.set_postfix(told, tokens_s=f"{rate:,.0f}")
        elif now - self.last >= SECONDS or step == self.steps:
            self.last = now
            left = (now - self.began) / max(step - self.start, 1) * (self.steps - step)
            parts = [f"step {step}/{self.steps}", *map(" ".join, told.items())]
            line = ", ".join([*parts, f"{rate:,.0f} tokens/s", f"{left:.0f} s left"])
            print(f"{self.title}: {line}", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
