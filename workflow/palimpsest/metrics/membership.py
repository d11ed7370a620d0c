"""What a model's loss tells about whether it was trained on a record.

The attack of Yeom et al. 2018 calls a record a member if its loss lies under a threshold. Its ROC curve runs over all
thresholds; the area under it needs none.
"""

from __future__ import annotations

import numpy as np

from palimpsest.metrics.classification import auroc
from palimpsest.metrics.inputs import record_weights


def loss_auroc(member_losses, nonmember_losses, member_weights=None, nonmember_weights=None):
    """P(loss of a member < loss of a non-member) + P(equal) / 2, () or (B,); [0, 1], match. Yeom et al. 2018.

    member_losses (n,), nonmember_losses (m,): losses of records of one distribution. 0.5 tells nothing, 1 tells all.
    Under 0.5 members have the *higher* loss, which betrays them as well: the value to reach is the oracle's.
    Weights: None, (n,) or (B, n) and None, (m,) or (B, m); a bootstrap draws each sample apart, with the same B.
    """
    members, others = np.asarray(member_losses), np.asarray(nonmember_losses)
    weights = [record_weights(member_weights, len(members)), record_weights(nonmember_weights, len(others))]
    lead = np.broadcast_shapes(*(w.shape[:-1] for w in weights))
    joined = np.concatenate([np.broadcast_to(w, (*lead, w.shape[-1])) for w in weights], axis=-1)
    is_member = np.arange(joined.shape[-1]) < len(members)
    return auroc(is_member, -np.concatenate([members, others]), joined)
