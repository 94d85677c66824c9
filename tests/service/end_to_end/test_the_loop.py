"""The whole loop on the real thing: texts are mined, two people answer over HTTP, findings appear and last."""

import json
import re
import socket
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

import httpx
import psutil
import pytest
from live_service import one_a_family
from raters import Rater, check_accounts

from ensemble.artifacts import current_artifact
from ensemble.tasks.task import load_task
from service.supervisor.reaper import processes_of

pytestmark = pytest.mark.service

SHARE = 8
"""Texts of each kind in the corpus: misses of the deployed member, its false alarms, and texts that it gets right."""

MARGIN = 0.05
"""How far from the threshold the deployed member must be, so that rounding cannot turn its vote."""

GENERATED = 128
"""Member calls for the second campaign: about 32 texts."""


@dataclass
class Loop:
    """What went in and what was said.

    Attributes:
        truth: label by text, of the corpus; severity by text beside it.
        expected: kind of finding by text, None where the deployed member is right.
    """

    truth: dict[str, int]
    severity: dict[str, int]
    expected: dict[str, str | None]
    corpus: dict = field(default_factory=dict)
    generated: dict = field(default_factory=dict)
    raters: dict[str, Rater] = field(default_factory=dict)
    admin: str = ""
    amended: str = ""


@pytest.fixture(scope="module")
def chosen(prepared_home):
    """Test rows of which it is known beforehand what the deployed member will say of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUNGJURY_HOME", str(prepared_home))
        artifact = current_artifact("injury")
        scorer = artifact.load_scorer(artifact.joint.deployed)
    rows = one_a_family("test")
    margins = scorer.score(rows)[:, 0] - artifact.joint.vote_threshold(artifact.joint.deployed)
    scorer.close()
    kinds = {(1, False): "FN", (0, True): "FP"}
    found = {"FN": [], "FP": [], None: []}
    for row, margin in zip(rows, margins, strict=True):
        if abs(margin) > MARGIN:
            found[kinds.get((row.label, bool(margin > 0)))].append(row)
    print({kind: len(texts) for kind, texts in found.items()}, "of", len(rows), "families")
    assert found["FN"], "the deployed member misses nothing in the test split"
    assert found["FP"], "the deployed member raises no false alarm in the test split"
    return {kind: texts[:SHARE] for kind, texts in found.items()}


@pytest.fixture(scope="module")
def loop(started, chosen, wait_until):
    """The loop, gone through once: two campaigns mined, every item answered by two people, one answer corrected."""
    rows = [row for texts in chosen.values() for row in texts]
    done = Loop(
        truth={row.text: row.label for row in rows},
        severity={row.text: row.meta["severity"] for row in rows},
        expected={row.text: kind for kind, texts in chosen.items() for row in texts},
    )
    began = time.monotonic()
    done.corpus = started.mine("corpus", "--budget", 8 * len(rows), "--queue", len(rows), rows=rows)
    off = [option for source in ("steered", "search") for option in ("--share", f"{source}=0")]
    done.generated = started.mine("generated", "--budget", GENERATED, "--queue", 12, *off)
    mined = time.monotonic()
    done.admin = started.key("admin", "boss")
    for name in ("ann", "ben"):
        made = started.json("key", "create", "--role", "label", "--name", name)
        with started.client(made["key"]) as client:
            rater = Rater(client, lambda lease: opinion(done, lease["text"]))
            rater.work_until_empty()
            if not done.amended:
                done.amended = change_of_mind(rater, done)
        done.raters[made["id"]] = rater
    answered = time.monotonic()
    wait_until(lambda: all(item["confidence"] is not None for item in started.items() if item["label"]), seconds=60)
    print(f"the answer model had looked at every label {time.monotonic() - answered:.1f} s after the last answer")
    answers = sum(len(rater.acknowledged) for rater in done.raters.values())
    print(f"mining took {mined - began:.1f} s, {answers} answers over HTTP {answered - mined:.1f} s")
    return done


def opinion(done, text):
    """What a rater who knows the truth says: also of seed rows among other sentences; unsure of everything else."""
    if text in done.truth:
        label, severity = done.truth[text], done.severity[text]
    else:
        told = [row for row in seed_rows() if row.text.strip() in text]
        if not told:
            return {"answer": "unsure", "note": "cannot tell"}
        label, severity = max(row.label for row in told), max(row.severity for row in told)
    return {"answer": "yes", "severity": severity} if label else {"answer": "no"}


@cache
def seed_rows():
    """All rows of the task."""
    return load_task("injury").seed


def change_of_mind(rater, done):
    """Answers one text of the corpus otherwise, and back; its item."""
    texts = {lease["item_id"]: lease["text"] for heard in rater.heard for lease in heard.get("leases", ())}
    item, answer, body = next(said for said in rater.acknowledged if texts[said[0]] in done.truth)
    for changed in ({"answer": "unsure", "note": "in doubt"}, body):
        response = rater.client.patch(f"/v1/answers/{answer}", json=changed)
        assert response.status_code == 200, response.text
        rater.heard.append(response.json())
    return item


@pytest.fixture
def admin(live, loop):
    """What an admin is told at a path."""
    with live.client(loop.admin) as client:

        def get(path, **params):
            response = client.get(path, params=params)
            assert response.status_code == 200, response.text
            return response.json()

        yield get


@pytest.fixture
def mined(live, loop):
    """Items of the two campaigns."""
    items = [item for item in live.items() if item["new"]["provenance"]["campaign"] in {"corpus", "generated"}]
    assert len(items) == loop.corpus["queued"] + loop.generated["queued"]
    return items


def test_the_miners_bring_texts_from_files_the_language_model_and_rewrites(mined, loop):
    """All known texts are queued; the campaign without a file scores completions and rewrites, and queues of them."""
    sources = {item["new"]["provenance"]["source"].partition(":")[0] for item in mined}
    proposed = {name.partition(":")[0] for name, count in loop.generated["proposed_by_source"].items() if count}
    assert "corpus" in sources
    assert proposed == {"completions", "rewrite"}
    assert sources - {"corpus"} <= proposed
    assert loop.corpus["queued"] == len(loop.truth)
    assert loop.generated["queued"] == 12
    assert loop.generated["member_calls"] <= GENERATED
    assert loop.corpus["benched"] == loop.generated["benched"] == {}


def test_every_item_knows_its_origin_its_chance_and_its_verdict(mined, prepared_home, monkeypatch):
    """Each item carries q in (0, 1], who proposed it out of what, and what each version of each member said."""
    monkeypatch.setenv("HUNGJURY_HOME", str(prepared_home))
    artifact = current_artifact("injury")
    versions = {member.name: member.version for group in artifact.groups for member in artifact.members(group)}
    for item in mined:
        new = item["new"]
        assert 0 < new["selection_probability"] <= 1
        assert new["provenance"]["source"]
        assert new["provenance"]["family"]
        assert {name: score["version"] for name, score in new["verdict"]["members"].items()} == versions
        assert new["verdict"]["degraded"] == []
        assert new["deployed"] == artifact.joint.deployed
        assert new["why"]
    chances = [item["new"]["selection_probability"] for item in mined]
    assert min(chances) < 1
    corpus = [item["new"]["provenance"] for item in mined if item["new"]["provenance"]["campaign"] == "corpus"]
    assert all(each["source"].startswith("corpus:corpus") and each["row_id"] for each in corpus)
    print(f"{len(chances)} items, q from {min(chances):.2f} to {max(chances):.2f}")


def test_findings_are_the_deployed_members_mistakes(admin, loop):
    """Of the known texts exactly those are findings on which the deployed member is wrong, of the right kind."""
    found = {
        finding["item"]["new"]["text"]: (finding["kind"], finding["severity"])
        for finding in admin("/v1/findings", count=1000)["findings"]
        if finding["item"]["new"]["text"] in loop.truth
    }
    expected = {
        text: (kind, loop.severity[text] if kind == "FN" else None) for text, kind in loop.expected.items() if kind
    }
    assert found == expected
    kinds = [kind for kind, _ in found.values()]
    print(f"{kinds.count('FN')} injuries that the deployed member passes, {kinds.count('FP')} false alarms")
    only = admin("/v1/findings", kind="FN", count=1000)["findings"]
    assert {finding["kind"] for finding in only} == {"FN"}


def test_every_label_is_what_the_raters_agreed_on(admin, mined, loop):
    """Every item is done, with two answers of two people and the label that these make."""
    for item in mined:
        told = admin(f"/v1/items/{item['new']['id']}")
        said = [answer["body"]["answer"] for answer in told["answers"]]
        assert told["state"] == "done"
        assert {answer["rater"] for answer in told["answers"]} == set(loop.raters)
        assert len(said) == told["new"]["needed"] == 2
        assert [told["label"]] == list(set(said))
        assert 0.5 <= told["confidence"] <= 1
        if told["new"]["text"] in loop.truth:
            assert told["label"] == ("yes" if loop.truth[told["new"]["text"]] else "no")


def test_an_item_tells_its_whole_history(admin, loop):
    """A corrected answer stands with what it was before, oldest first, and when."""
    told = admin(f"/v1/items/{loop.amended}")
    (changed,) = [answer for answer in told["answers"] if answer["history"]]
    first, second = changed["history"]
    assert first["answer"] == changed["body"]["answer"] == told["label"]
    assert (second["answer"], second["note"]) == ("unsure", "in doubt")
    moments = [told["enqueued_at"], first["at"], second["at"]]
    assert [datetime.fromisoformat(moment) for moment in moments] == sorted(map(datetime.fromisoformat, moments))


def test_nothing_acknowledged_is_missing_and_nobody_was_asked_twice(live, loop):
    """Every answer that was acknowledged is stored as it was given, and each rater saw each item once."""
    said = sum(len(rater.acknowledged) for rater in loop.raters.values())
    assert check_accounts(loop.raters, live.items()) == said > 0


def test_the_queue_adds_up(admin, loop):
    """Nothing waits for these raters; every lease became of something, every answer came from a lease or elsewhere."""
    counts = admin("/v1/queue", top=5)
    assert counts["done"] >= len(loop.truth)
    assert counts["answers"] >= 2 * len(loop.truth)
    ended = counts["answers"] + counts["leases_released"] + counts["leases_expired"] + counts["leased"]
    assert counts["leases_granted"] + counts["answers_recorded"] == ended
    assert counts["findings_fn"] + counts["findings_fp"] >= sum(kind is not None for kind in loop.expected.values())


def test_everything_can_be_taken_along(live, loop):
    """`hungjury export` writes every item and answer as it is stored, but for gold and plants, and the findings."""
    stored, (items, answers, findings) = undisturbed(
        live, lambda: [exported(live, what) for what in ("items", "answers", "findings")]
    )
    assert len(stored) >= loop.corpus["queued"] + loop.generated["queued"]
    stored = [item for item in stored if not item["new"]["plant"]]
    assert different(items, stored) == {}
    assert sorted(answer["answer_id"] for answer in answers) == sorted(
        answer["answer_id"] for item in stored for answer in item["answers"]
    )
    assert {found["item"]["new"]["id"] for found in findings} == {
        item["new"]["id"] for item in stored if item["finding"]
    }
    assert len(findings) >= sum(kind is not None for kind in loop.expected.values())


def undisturbed(live, read, attempts=10):
    """What is stored and what `read` returns, at a moment at which nothing moved.

    At any time leases of other tests' raters may end, and the answer model may think again of a label.
    """
    for _ in range(attempts):
        before, found = live.items(), read()
        moved = different(before, live.items())
        if not moved:
            return before, found
        print(f"moved meanwhile, read again: {moved}")
    raise AssertionError(f"items moved during each of {attempts} reads")


def different(before, after):
    """Where items are not the same: both values by item and field."""
    old, new = ({item["new"]["id"]: item for item in items} for items in (before, after))
    return {
        (name, key): (old.get(name, {}).get(key), new.get(name, {}).get(key))
        for name in old.keys() | new.keys()
        for key in old.get(name, {}) | new.get(name, {})
        if old.get(name, {}).get(key) != new.get(name, {}).get(key)
    }


def lasting(items):
    """Items without how sure the answer model is, which moves with all that it learns of the raters."""
    return [{name: value for name, value in item.items() if name not in {"confidence", "ambiguity"}} for item in items]


def exported(live, what):
    """What `hungjury export` writes."""
    done = live.call("export", what)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_raters_never_see_scores(mined, loop):
    """All that a rater ever hears is texts and receipts: no probability, no reason, no other's answer."""
    shown = {"lease_id", "item_id", "text", "context", "expires_at", "task"}
    receipt = {"answer_id", "item_id", "answers", "needed", "label"}
    for rater in loop.raters.values():
        for heard in rater.heard:
            assert set(heard) <= receipt | {"leases"}
            assert all(set(lease) == shown for lease in heard.get("leases", ()))
    everything = json.dumps([rater.heard for rater in loop.raters.values()])
    for item in mined:
        scores = [score["probability"] for score in item["new"]["verdict"]["members"].values()]
        secrets = [repr(score) for score in scores] + [json.dumps(item["new"]["why"])]
        assert [secret for secret in secrets if secret in everything] == []


def test_a_key_opens_only_what_its_role_does(live, loop):
    """A rater is refused what admins and callers may do, and a caller what raters may; without a key nobody gets in."""
    item = f"/v1/items/{loop.amended}"
    closed = {
        "label": [("GET", "/v1/queue"), ("GET", "/v1/findings"), ("GET", item), ("POST", "/v1/score")],
        "score": [("GET", "/v1/queue"), ("GET", "/v1/findings"), ("GET", item), ("POST", "/v1/leases")],
    }
    for role, requests in closed.items():
        with live.client(live.key(role, "curious")) as client:
            for method, path in requests:
                body = {"inputs": [{"text": "x"}]} if path == "/v1/score" else None
                response = client.request(method, path, json=body)
                assert (response.status_code, "error" in response.json()) == (403, True), (role, path)
                assert httpx.request(method, f"{live.url}{path}", json=body).status_code == 401


def test_scoring_answers_in_order_with_every_member(live, loop):
    """A verdict a text, in input order, under the caller's id, from all members at their versions."""
    texts = list(loop.truth)[:4]
    inputs = [{"text": text, "id": f"row {number}"} for number, text in enumerate(texts)]
    with live.client(live.key("score", "caller")) as client:
        verdicts = client.post("/v1/score", json={"inputs": inputs}).json()["verdicts"]
    members = {member["name"]: member["version"] for member in live.json("status")["members"]}
    assert [verdict["id"] for verdict in verdicts] == [each["id"] for each in inputs]
    for verdict in verdicts:
        assert {name: score["version"] for name, score in verdict["members"].items()} == members
        assert verdict["degraded"] == []
        assert 0 < verdict["probability"] < 1


def test_numbers_appear_at_rays_metrics_endpoint(live, loop, wait_until):
    """What was scored, queued, answered and found stands where Prometheus scrapes."""
    with live.client(live.key("score", "caller")) as client:
        assert client.post("/v1/score", json={"inputs": [{"text": "counted"}]}).status_code == 200
    url = live.state["ray"]["metrics_url"]
    misses = sum(kind == "FN" for kind in loop.expected.values())

    def exported():
        text = httpx.get(url, timeout=30).text
        members = set(re.findall(r'^ray_hungjury_texts_total\{.*?member="(\w+)"', text, re.MULTILINE))
        found = re.search(r'^ray_hungjury_findings\{.*?kind="FN".*?\} ([\d.e+]+)$', text, re.MULTILINE)
        wanted = ("ray_hungjury_queue_items", "ray_hungjury_disagreement_bucket", "ray_hungjury_member_seconds_bucket")
        complete = members == {member["name"] for member in live.json("status")["members"]}
        return complete and found and float(found[1]) >= misses and all(name in text for name in wanted)

    wait_until(exported, seconds=90, every=1)


def test_status_tells_a_person_and_a_machine(live, loop):
    """`hungjury status` names members, queue, findings, campaigns and addresses, and `--json` the same."""
    found = live.json("status")
    assert all(member["answering"] for member in found["members"])
    assert [member["name"] for member in found["members"] if member["deployed"]] == ["encoder"]
    ended = {campaign["name"]: campaign["state"] for campaign in found["campaigns"]}
    assert ended["corpus"] == ended["generated"] == "finished"
    shown = live.call("status").stdout
    for part in (f"{found['queue']['findings_fn']:,} FN", f"{live.url}/label", found["ray"]["metrics_url"]):
        assert part in shown
    assert loop.admin not in shown


def test_down_leaves_no_process_behind_and_up_finds_everything_again(live, loop):
    """After `down` no process of the service lives and its port is free; after `up` no answer and no key is missing."""
    before, run, family = live.items(), live.state["run"], live.family()
    began = time.monotonic()
    live.down()
    stopped = time.monotonic() - began
    psutil.wait_procs(family, timeout=30)
    assert [process for process in family if process.is_running() and process.status() != "zombie"] == []
    assert processes_of(run) == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", live.port))
    began = time.monotonic()
    live.up()
    print(f"{len(family)} processes ended in {stopped:.1f} s; up again in {time.monotonic() - began:.1f} s")
    assert different(lasting(before), lasting(live.items())) == {}
    with live.client(loop.admin) as client:
        assert client.get("/v1/queue").json()["answers"] == sum(len(item["answers"]) for item in before)
