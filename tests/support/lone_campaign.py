"""A campaign in a process of its own, on a real store and with verdicts that need no model.

Called with one JSON object: url, name, texts (file of lines), spec (fields of `CampaignSpec`), pause (seconds a batch).
Prints the summary as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from hashed_verdicts import hashed_probabilities, make_verdict

from ensemble.text import Text
from ensemble.verdict import Verdict
from miners.campaigns.campaign import Campaign
from miners.campaigns.spec import CampaignSpec, Summary
from miners.queue.connect import Store
from miners.sources.corpus import Corpus


def run(told: dict[str, Any]) -> Summary:
    """Runs the campaign to its end, or as far as it gets."""
    spec = CampaignSpec(task="injury", deployed="encoder", **told["spec"])

    def score(texts: Sequence[Text]) -> list[Verdict]:
        time.sleep(told["pause"])
        return [make_verdict(text, hashed_probabilities(text)) for text in texts]

    with Store(told["url"]) as store:
        queue = store.queue("injury")
        return Campaign(
            told["name"],
            spec,
            proposers=[Corpus([told["texts"]], seed=spec.seed)],
            score=score,
            queue=queue,
            ledger=queue,
            store=store.campaigns,
        ).run()


if __name__ == "__main__":
    print(run(json.loads(sys.argv[1])).model_dump_json())
