"""Where a long job is: a bar when called by hand, a line every few seconds in a log."""

from __future__ import annotations

import sys
import time

SECONDS = 5.0


class Progress:
    """Reports step, loss, tokens a second and the time left."""

    def __init__(self, steps: int, start: int = 0, title: str = "train"):
        self.steps, self.start, self.title = steps, start, title
        self.began = self.last = time.monotonic()
        self.tokens = 0
        self.bar = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(total=steps, initial=start, desc=title, unit="step")

    def update(self, step: int, loss: float, tokens: int) -> None:
        """``step`` updates are done (counted from 1); ``loss`` of the last, ``tokens`` it saw."""
        self.tokens += tokens
        now = time.monotonic()
        rate = self.tokens / max(now - self.began, 1e-9)
        if self.bar is not None:
            self.bar.update(1)
            self.bar.set_postfix(loss=f"{loss:.4f}", tokens_s=f"{rate:,.0f}")
        elif now - self.last >= SECONDS or step == self.steps:
            self.last = now
            left = (now - self.began) / max(step - self.start, 1) * (self.steps - step)
            print(
                f"{self.title}: step {step}/{self.steps}, loss {loss:.4f}, {rate:,.0f} tokens/s, "
                f"{left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
