"""There and back through a real Label Studio, by its own API: items, predictions and annotations, field by field.

Run by `make bench`; `make peers` first, or it is left out. `HUNGJURY_LABEL_STUDIO` names another program to start.
Hostile texts go there with verdicts and answers, two users annotate (one by legacy token, one by personal access
token), and what Label Studio exports is imported by `hungjury import`, twice.
"""

import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest
from announced_store import announced_store
from hostile_texts import HOSTILE
from label_studio import ADMIN, running_label_studio
from queue_items import queue_items

from ensemble.text import identity
from miners.queue.types import NewAnswer, Span
from service.cli.main import execute

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("HUNGJURY_LABEL_STUDIO", ROOT / "build/peers-label-studio/bin/label-studio"))
PLAIN, SECOND = 60, "bob@example.org"
PREDICTED = ("model_version", "score", "result")

TEXTS = {**HOSTILE, "100,000 characters": ("<b>bled</b> \u202e\U0001f480\u200b " * 8_000)[:100_000]}


def fill(queue):
    """Hostile and plain items; two raters have answered some of them here, with everything that an answer has."""
    plain = list(queue_items(0, PLAIN))
    hostile = [
        like.model_copy(
            update={"text": text, "id": identity(text, name), "context": name, "priority": 2.0, "needed": 4}
        )
        for like, (name, text) in zip(plain, TEXTS.items(), strict=False)
    ]
    queue.enqueue([*hostile, *(item.model_copy(update={"needed": 3}) for item in plain)])
    for rater in ("here-1", "here-2"):
        for number, lease in enumerate(queue.lease(rater, count=50, request_id=rater)):
            note, spans = f"{rater} {lease.text[:30]}", (Span(start=0, end=1 + number % 2), Span(start=4, end=9))
            fits = spans if len(lease.text) > 9 else ()
            body = NewAnswer(answer="yes", severity=number % 5, note=note, seconds=2.5, spans=fits)
            queue.answer(lease.lease_id, rater, body)


def region(control, kind, **value):
    """Part of an annotation, as Label Studio's page submits it."""
    return {"id": os.urandom(5).hex(), "from_name": control, "to_name": "text", "type": kind, "value": value}


def annotation(number, text):
    """A user's annotation, and the answer that it is; every seventh is a skip and none."""
    if number % 7 == 3:
        return {"result": [], "was_cancelled": True}, None
    said, note = ("yes", "no", "unsure")[number % 3], f"<i>{number}</i> \u202e{text[:20]}"
    words = text[:6]
    units = len(words.encode("utf-16-le")) // 2
    given = [
        region("answer", "choices", choices=[said]),
        region("severity", "choices", choices=[str(number % 5)]),
        region("note", "textarea", text=[note]),
        region("spans", "labels", start=0, end=units, text=words, labels=["shows it"]),
    ]
    span = (Span(start=0, end=len(words)),)
    answer = NewAnswer(answer=said, severity=number % 5, note=note, seconds=float(number), spans=span)
    return {"result": given, "lead_time": number}, answer


def annotate(client, tasks, offset):
    """Submits an annotation to every task; the answers that they are, by item."""
    expected = {}
    for number, (task, sent) in enumerate(tasks, start=offset):
        body, answer = annotation(number, sent["data"]["text"])
        client.post(f"/api/tasks/{task}/annotations/", json=body).raise_for_status()
        if answer is not None:
            expected[sent["data"]["hungjury_item"]] = answer
    return expected


def compare(sent, back, compared):
    """Every task as it was sent against the same as it came back, field by field."""
    assert back["data"] == sent["data"]
    assert back["meta"] == sent["meta"]
    compared["fields of data"] += len(sent["data"])
    compared["fields of meta"] += len(sent["meta"]["hungjury"])
    found = [{name: one[name] for name in PREDICTED} for one in back["predictions"]]
    key = lambda one: one["model_version"]  # noqa: E731 (used twice, here alone)
    assert sorted(found, key=key) == sorted(sent["predictions"], key=key)
    compared["predictions"] += len(found)
    ours = {json.dumps(one["result"], sort_keys=True) for one in back["annotations"]}
    for one in sent["annotations"]:
        assert json.dumps(one["result"], sort_keys=True) in ours
        compared["annotations sent along"] += 1


@pytest.mark.skipif(not PROGRAM.is_file(), reason=f"{PROGRAM} is missing; run `make peers`")
def test_there_and_back_through_label_studio(tmp_path, free_port, capsys):
    """What comes back is what went there, and every annotation is an answer of its rater, once."""
    compared: Counter[str] = Counter()
    sent_file, back_file = tmp_path / "tasks.json", tmp_path / "export.json"
    with announced_store() as store, running_label_studio(PROGRAM, tmp_path / "data", free_port()) as server:
        queue = store.queue("injury")
        fill(queue)
        assert execute(["export", "items", "--format", "label-studio", "--out", str(sent_file)]) == 0
        sent = json.loads(sent_file.read_text(encoding="utf-8"))
        project = server.project((tmp_path / "tasks.labeling.xml").read_text(encoding="utf-8"))
        began = time.perf_counter()
        taken = server.add(project, sent_file.read_bytes())
        seconds = time.perf_counter() - began
        tasks = list(zip(taken["task_ids"], sent, strict=True))
        expected = {ADMIN: annotate(server.admin, tasks, 0)}
        with server.user(SECOND) as second:
            expected[SECOND] = annotate(second, tasks, 1)
        back_file.write_bytes(server.snapshot(project))
        back = {one["id"]: one for one in json.loads(back_file.read_bytes())}
        for number, one in tasks:
            compare(one, back[number], compared)
        before = {item.new.id: item for item in queue.items()}
        for _ in range(2):
            assert execute(["import", str(back_file)]) == 0
        for item in queue.items():
            check_item(item, before[item.new.id], expected, compared)
        check_plain_export(server, project, tmp_path, capsys, sum(map(len, expected.values())))
    print(
        f"\nLabel Studio {server.version}: {len(sent)} tasks, {len(TEXTS)} of hostile texts, taken in {seconds:.1f} s"
    )
    for what, count in compared.items():
        print(f"    {what}: {count} compared, 0 differ")


def check_item(item, was, expected, compared):
    """The item is as it was, its own answers too; each annotation is its user's answer, and there is no other."""
    assert item.new.model_copy(update={"needed": was.new.needed}) == was.new
    own = [(one.answer_id, one.rater, one.body) for one in was.answers]
    assert [(one.answer_id, one.rater, one.body) for one in item.answers][: len(own)] == own
    given = {one.rater: one.body for one in item.answers[len(own) :]}
    assert given == {who: answers[item.new.id] for who, answers in expected.items() if item.new.id in answers}
    compared["items after the import"] += 1
    compared["answers that were given here"] += len(own)
    compared["answers out of annotations (choice, severity, note, words, seconds)"] += len(given)


def check_plain_export(server, project, folder, capsys, annotations):
    """The export of the button names annotators by number: with `--raters` they are the same raters, else others."""
    path, who = folder / "plain.json", folder / "raters.json"
    path.write_bytes(server.export(project))
    who.write_text(json.dumps({"1": ADMIN, "2": SECOND}), encoding="utf-8")
    capsys.readouterr()
    assert execute(["import", str(path), "--raters", str(who)]) == 0
    said = capsys.readouterr().out
    assert "left out" not in said
    assert f"{annotations + 100:,} answers recorded" in said
