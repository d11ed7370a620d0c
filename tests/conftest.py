"""What holds for all tests, before anything is imported."""

import os

# Models here are so small that a second thread of torch waits more than it helps: contract tests
# take four times the processor time with two. Their workers already use all cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
