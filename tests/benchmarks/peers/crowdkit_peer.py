"""Labels by crowd-kit, in an environment of its own.

Reads from standard input {name: [[text, rater, answer], ...]}, answers 0 or 1, and prints {name: {method: {text:
label}}}. All methods have the library's defaults.
"""

import json
import sys

import pandas as pd
from crowdkit.aggregation import GLAD, MACE, DawidSkene, MajorityVote

METHODS = {"majority": MajorityVote, "Dawid-Skene": DawidSkene, "MACE": MACE, "GLAD": GLAD}


def main() -> None:
    """See the module."""
    found = {}
    for name, answers in json.load(sys.stdin).items():
        table = pd.DataFrame(answers, columns=["task", "worker", "label"])
        found[name] = {
            method: {str(text): int(label) for text, label in make().fit_predict(table).items()}
            for method, make in METHODS.items()
        }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
