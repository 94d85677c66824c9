"""The attack bench over HTTP: who may, what is shown, what is refused, and what goes into the queue."""

import asyncio
import threading

import attack_parts
import pytest

from ensemble.errors import MemberUnavailableError
from ensemble.text import identity
from miners.attack.saliency import Looks
from miners.errors import StoreUnavailableError
from service.attack import LocalSaliency

HURT = "The boy was badly hurt."


@pytest.fixture
def writer():
    """What suggests words."""
    return attack_parts.Writer()


@pytest.fixture
def attack(make_world, writer):
    """A world with a bench over small parts."""
    return make_world(
        bench=lambda task, queue, config: attack_parts.desk(task, queue, config, writer=writer),
        score=attack_parts.verdicts,
    )


@pytest.mark.parametrize("role", ["label", "score"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "score"), ("POST", "suggest"), ("POST", "submit"), ("GET", "seeds")],
)
def test_raters_are_not_let_in(attack, role, method, path):
    """Whoever labels must see no score, so neither they nor plain scoring keys open the bench."""
    reply = attack.call(role, method, f"/v1/attack/{path}", **({"json": {"text": HURT}} if method == "POST" else {}))
    assert reply.status_code == 403
    assert reply.json()["error"]["code"] == "wrong_role"


def test_a_key_with_the_scope_is_let_in(attack):
    """A key that may attack and nothing else does."""
    key, _ = attack.keys.create("admin", "attacker", scopes=["texts:attack"])
    headers = {"Authorization": f"Bearer {key}"}
    assert attack.client.get("/v1/attack/seeds", headers=headers).status_code == 200
    assert attack.client.get("/v1/queue", headers=headers).status_code == 403


def test_a_text_is_scored_with_saliency_and_goal(attack):
    """Each word comes with its place in characters and what it holds up; the goal is severity times margin."""
    text = "😀 He was badly hurt."
    found = attack.post("admin", "/v1/attack/score", {"text": text, "severity": 3}).json()
    held = {text[word["start"] : word["end"]]: word["saliency"] for word in found["words"]}
    assert held == {"He": 0.0, "was": 0.0, "badly": 1.0, "hurt": 4.0}
    assert found["verdict"]["members"]["words"]["vote"] == "yes"
    assert (found["deployed"], found["thresholds"]) == ("words", {"words": 0.5})
    assert found["goal"]["value"] == found["goal"]["margin"] == 0
    assert (found["missing"], found["nearest"], found["gradient_passes"]) == ({}, None, 1)
    passed = attack.post("admin", "/v1/attack/score", {"text": "He was calmly fallen.", "severity": 3}).json()["goal"]
    assert passed["passed"]
    assert passed["value"] == pytest.approx(passed["margin"] * 3 / 4)
    assert passed["margin"] == pytest.approx(1 - passed["probability"] / 0.5)


def test_without_a_guess_the_severity_is_told_from_the_words(attack):
    """Words of death count for more than words of a scratch."""
    texts = ("She died of the bullet in her chest, killed outright.", "He scraped his knee on the kerb.")
    grave, light = (attack.post("admin", "/v1/attack/score", {"text": text}).json()["goal"] for text in texts)
    assert grave["told"] == light["told"] == "words"
    assert 0 <= light["severity"] < grave["severity"] <= 4


def test_gradients_that_are_not_there_yet_hold_nothing_up(make_world):
    """The verdict comes without colours, and says why."""
    late = attack_parts.LateSaliency(MemberUnavailableError("the gradients are being loaded"))
    world = make_world(
        bench=lambda task, queue, config: attack_parts.desk(task, queue, config, saliency=late),
        score=attack_parts.verdicts,
    )
    found = world.post("admin", "/v1/attack/score", {"text": HURT}).json()
    assert found["words"] is None
    assert found["missing"] == {"saliency": "the gradients are being loaded"}
    offers = world.post("admin", "/v1/attack/suggest", {"text": HURT, "start": 18, "end": 22}).json()["suggestions"]
    assert offers[0]["word"] == "tea"


def test_suggestions_are_sorted_by_the_score_after_the_change(attack):
    """Replacements, insertions and the word left out, with the whole text after each, and what they cost."""
    start = HURT.index("hurt")
    found = attack.post("admin", "/v1/attack/suggest", {"text": HURT, "start": start, "end": start + 4}).json()
    offers = found["suggestions"]
    assert [offer["probability"] for offer in offers] == sorted(offer["probability"] for offer in offers)
    assert sorted(offer["kind"] for offer in offers) == ["before", "remove", "replace", "replace", "replace"]
    best = offers[0]
    assert (best["kind"], best["word"], best["text"]) == ("replace", "tea", "The boy was badly tea.")
    assert best["edit"] == {"at": start, "removed": "hurt", "inserted": "tea", "by": "suggestion"}
    for offer in offers:
        edit = offer["edit"]
        assert HURT[: edit["at"]] + edit["inserted"] + HURT[edit["at"] + len(edit["removed"]) :] == offer["text"]
        assert offer["probability"] == pytest.approx(attack_parts.probability(offer["text"]))
        assert offer["passed"] == (offer["margin"] > 0)
    assert found["cost"]["member_calls"] == len(offers)
    assert found["cost"]["gradient_passes"] == 1


def test_whoever_asks_for_more_gets_more(attack):
    """A longer list of the same kinds, sorted alike."""
    body = {"text": HURT, "start": 18, "end": 22}
    few, more = (
        attack.post("admin", "/v1/attack/suggest", {**body, "more": more}).json()["suggestions"]
        for more in (False, True)
    )
    assert len(more) > len(few)
    assert {offer["kind"] for offer in more} == {"replace", "before", "remove"}
    assert [offer["probability"] for offer in more] == sorted(offer["probability"] for offer in more)


def test_words_can_be_put_in_where_there_is_none(attack):
    """A caret asks for insertions alone, spaced as they should be."""
    offers = attack.post("admin", "/v1/attack/suggest", {"text": HURT, "start": 22, "end": 22}).json()["suggestions"]
    assert {offer["kind"] for offer in offers} == {"before"}
    assert offers[0]["text"] == "The boy was badly hurt tea."


def test_the_whole_text_can_be_asked_about(attack, writer):
    """Replacements wherever they promise most; what hurts is neither touched nor put in, and one request reads all."""
    found = attack.post("admin", "/v1/attack/suggest", {"text": "He badly hurt. She sang badly."}).json()
    offers = found["suggestions"]
    assert [(offer["edit"]["at"], offer["edit"]["removed"], offer["word"]) for offer in offers] == [
        (3, "badly", "tea"),
        (24, "badly", "tea"),
        (3, "badly", "calmly"),
    ]
    for offer in offers:
        assert offer["kind"] == "replace"
        assert offer["probability"] == pytest.approx(attack_parts.probability(offer["text"]))
    assert len(writer.asked) == 1
    assert found["cost"] == {"member_calls": 3, "gradient_passes": 1, "language_model_texts": 4 + 8 + 4 * 3}


def test_where_no_word_is_free_nothing_is_suggested_anywhere(attack, writer):
    """And nobody is asked."""
    found = attack.post("admin", "/v1/attack/suggest", {"text": "Hurt, bled."}).json()
    assert (found["suggestions"], found["cost"]["member_calls"], writer.asked) == ([], 0, [])


def test_the_whole_text_needs_gradients(make_world):
    """While they are being loaded it is said when to come back; a member that has none is said for good."""
    late = attack_parts.LateSaliency(MemberUnavailableError("the gradients are being loaded"))
    world = make_world(
        bench=lambda task, queue, config: attack_parts.desk(task, queue, config, saliency=late),
        score=attack_parts.verdicts,
    )
    reply = world.post("admin", "/v1/attack/suggest", {"text": HURT})
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
    assert "loaded" in reply.json()["error"]["message"]


def test_gradients_that_go_away_meanwhile_are_no_empty_list(make_world):
    """The text was looked at, and then nobody foretells anything."""

    class Gone(LocalSaliency):
        async def effects(self, _text, places):
            return [None] * len(places), 0

    gone = Gone(Looks(attack_parts.AddedWords()))
    world = make_world(
        bench=lambda task, queue, config: attack_parts.desk(task, queue, config, saliency=gone),
        score=attack_parts.verdicts,
    )
    assert world.post("admin", "/v1/attack/suggest", {"text": HURT}).status_code == 503


def test_a_member_that_is_away_is_said_with_when_to_come_back(attack, writer):
    """503 and Retry-After, and no traceback."""
    writer.error = MemberUnavailableError("the language model does not answer")
    reply = attack.post("admin", "/v1/attack/suggest", {"text": HURT, "start": 0, "end": 3})
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("score", {"text": " "}, 422, "text"),
        ("score", {"text": "x" * 5001}, 413, "text"),
        ("score", {"text": "x", "severity": 5}, 422, "severity"),
        ("score", {"text": "x", "more": 1}, 422, "more"),
        ("suggest", {"text": "x", "start": 0, "end": 2}, 422, "end"),
        ("suggest", {"text": "xy", "start": 2, "end": 1}, 422, "end"),
        ("suggest", {"text": "xy", "start": -1, "end": 1}, 422, "start"),
        ("suggest", {"text": "xy", "start": 1}, 422, "end"),
        ("suggest", {"text": "xy", "end": 1}, 422, "start"),
        ("submit", {"text": "x", "edits": [{"at": 5, "inserted": "x"}]}, 422, "edits[0]"),
        ("submit", {"text": "x", "edits": []}, 422, "edits"),
        ("submit", {"text": "x", "edits": [{"at": 0, "inserted": "y"}]}, 422, "edits"),
        ("submit", {"text": "x", "edits": [], "start": {"kind": "seed", "id": "none"}}, 404, "start.id"),
        ("submit", {"text": "x", "edits": [], "start": {"kind": "finding", "id": "none"}}, 404, "start.id"),
        ("submit", {"text": "x", "edits": [{"at": 0, "inserted": "x"}], "note": "x" * 2001}, 422, "note"),
    ],
)
def test_bad_input_is_refused_by_field(attack, path, body, status, field):
    """Which field, which limit."""
    reply = attack.post("admin", f"/v1/attack/{path}", body)
    assert (reply.status_code, reply.json()["error"]["field"]) == (status, field)


def test_a_newer_request_takes_the_place_of_an_older_one(attack, writer):
    """The older one ends at once with 409, whatever it was waiting for."""
    writer.wait = asyncio.Event()  # never set
    body = {"text": HURT, "start": 0, "end": 3, "draft": "tab"}
    older = []
    thread = threading.Thread(target=lambda: older.append(attack.post("admin", "/v1/attack/suggest", body)))
    thread.start()
    while not writer.asked:
        thread.join(0.01)
    writer.wait = None
    assert attack.post("admin", "/v1/attack/suggest", body).status_code == 200
    thread.join(20)
    assert (older[0].status_code, older[0].json()["error"]["code"]) == (409, "overtaken")


def test_requests_without_a_draft_do_not_pile_up_either(make_world, writer):
    """More than so many of one person at once are told to wait."""
    world = make_world(
        bench=lambda task, queue, config: attack_parts.desk(task, queue, config, writer=writer),
        score=attack_parts.verdicts,
        attack={"requests_at_once": 1},
    )
    body = {"text": HURT, "start": 0, "end": 3}
    writer.wait = asyncio.Event()
    first = []
    thread = threading.Thread(
        target=lambda: first.append(world.post("admin", "/v1/attack/suggest", {**body, "draft": "one"}))
    )
    thread.start()
    while not writer.asked:
        thread.join(0.01)
    reply = world.post("admin", "/v1/attack/suggest", body)
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "2")
    writer.wait = None
    world.post("admin", "/v1/attack/suggest", {**body, "draft": "one"})
    thread.join(20)
    assert first[0].status_code == 409


def seed_of(world):
    """The first seed row that may be attacked."""
    return world.call("admin", "GET", "/v1/attack/seeds", params={"count": 1}).json()["seeds"][0]


def test_an_attack_waits_for_others_with_all_that_led_to_it(attack):
    """Source, parent, family, steps, who and why are kept; the author is not asked, others are."""
    seed = seed_of(attack)
    edit = {"at": 0, "removed": seed["text"][:4], "inserted": "Then the ", "by": "suggestion"}
    text = "Then the " + seed["text"][4:]
    body = {
        "text": text,
        "context": seed["context"],
        "start": {"kind": "seed", "id": seed["id"]},
        "edits": [edit],
        "severity": 4,
        "note": "quiet",
        "seconds": 12.5,
    }
    reply = attack.post("admin", "/v1/attack/submit", body).json()
    assert (reply["item_id"], reply["outcome"]) == (identity(text, seed["context"]), "added")
    item = attack.queue.item(reply["item_id"]).new
    author = attack.call("admin", "GET", "/v1/me").json()["id"]
    provenance = item.provenance
    assert (item.author, item.selection_probability, provenance.source) == (author, 1.0, "attack")
    assert provenance.parent == identity(seed["text"], seed["context"])
    assert (provenance.row_id, provenance.family) == (seed["id"], seed["id"].rsplit("-", 1)[0])
    assert provenance.meta["edits"] == [edit]
    assert provenance.meta["start"] == {"kind": "seed", "id": seed["id"]}
    assert (provenance.meta["by"], provenance.meta["note"], provenance.meta["severity_guess"]) == (author, "quiet", 4)
    assert (provenance.meta["split"], provenance.meta["seconds"]) == ("train", 12.5)
    assert item.parts["goal"] == reply["goal"]["value"]
    assert attack.post("admin", "/v1/leases").json() == {"leases": []}
    (lease,) = attack.post("label", "/v1/leases").json()["leases"]
    assert lease["text"] == text
    assert "quiet" not in str(lease)
    assert attack.post("admin", "/v1/attack/submit", body).json()["outcome"] == "known"


def test_a_step_that_does_not_lead_there_is_refused(attack):
    """Provenance that could be made up would be none; nor may the context change under a seed."""
    seed = seed_of(attack)
    start = {"kind": "seed", "id": seed["id"]}
    body = {"text": seed["text"] + "!", "context": seed["context"], "start": start}
    wrong = attack.post("admin", "/v1/attack/submit", {**body, "edits": [{"at": 0, "inserted": "!"}]})
    assert wrong.json()["error"]["field"] == "edits"
    edits = [{"at": len(seed["text"]), "inserted": "!"}]
    other = attack.post("admin", "/v1/attack/submit", {**body, "context": "Elsewhere.", "edits": edits})
    assert other.json()["error"]["field"] == "context"
    same = attack.post("admin", "/v1/attack/submit", {**body, "text": seed["text"], "edits": []})
    assert same.json()["error"]["code"] == "unchanged"
    assert attack.queue.counts().waiting == 0


def test_a_finding_can_be_attacked_on_and_is_pointed_out_to_others(attack):
    """It is offered with what people said of it; a text near it names it, but for one that began with it."""
    text = "The old ferry went over at noon and the rope took two of his fingers with it."
    body = {"text": text, "edits": [{"at": 0, "inserted": text}]}
    item_id = attack.post("admin", "/v1/attack/submit", body).json()["item_id"]
    for role in ("label", "second"):
        (lease,) = attack.post(role, "/v1/leases").json()["leases"]
        attack.post(role, f"/v1/leases/{lease['lease_id']}/answer", {"answer": "yes", "severity": 3})
    (seed,) = attack.call("admin", "GET", "/v1/attack/seeds", params={"source": "finding"}).json()["seeds"]
    assert (seed["id"], seed["text"], seed["label"], seed["severity"]) == (item_id, text, 1, 3.0)
    near = text.replace("noon", "dusk")
    found = attack.post("admin", "/v1/attack/score", {"text": near}).json()["nearest"]
    assert (found["item_id"], found["kind"], found["text"]) == (item_id, "FN", text)
    assert 0.6 <= found["similarity"] < 1
    assert attack.post("admin", "/v1/attack/score", {"text": near, "parent": item_id}).json()["nearest"] is None
    assert attack.post("admin", "/v1/attack/score", {"text": "Quite another text."}).json()["nearest"] is None


def test_a_blank_page_can_be_begun_with(attack):
    """It has no parent, and a family of its own."""
    (seed,) = attack.call("admin", "GET", "/v1/attack/seeds", params={"source": "blank"}).json()["seeds"]
    assert (seed["kind"], seed["text"]) == ("blank", "")
    body = {"text": HURT, "edits": [{"at": 0, "inserted": HURT}]}
    item = attack.queue.item(attack.post("admin", "/v1/attack/submit", body).json()["item_id"]).new
    assert (item.provenance.parent, item.provenance.family) == (None, item.id)
    assert not item.deployed_passed


def test_seeds_to_measure_by_stay_out(attack):
    """Rows of the test split are not shown, and not taken by their id."""
    held_out = next(row for row in attack.services.task.rows("test"))
    body = {"text": "x", "edits": [], "start": {"kind": "seed", "id": held_out.row_id}}
    assert attack.post("admin", "/v1/attack/submit", body).status_code == 404


def test_a_bench_that_is_switched_off_says_how_to_switch_it_on(world):
    """The message names the setting."""
    reply = world.post("admin", "/v1/attack/score", {"text": HURT})
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "attack_off")
    assert "attack.enabled" in reply.json()["error"]["message"]


def test_handing_in_goes_to_the_audit_log_and_looking_does_not(attack):
    """The log holds acts, not keystrokes."""
    attack.post("admin", "/v1/attack/score", {"text": HURT})
    attack.post("admin", "/v1/attack/submit", {"text": HURT, "edits": [{"at": 0, "inserted": HURT}]})
    assert [entry.what for entry in attack.services.audit.read(count=10)] == ["POST /v1/attack/submit"]


def test_a_store_that_is_away_hides_no_verdict(attack, monkeypatch):
    """Earlier texts cannot be compared then, and the answer says so."""

    def away(**_):
        raise StoreUnavailableError("Redis does not answer")

    monkeypatch.setattr(attack.queue, "arrived", away)
    found = attack.post("admin", "/v1/attack/score", {"text": HURT}).json()
    assert found["missing"] == {"nearest": "Redis does not answer"}
    assert found["verdict"]["decision"] == "flag"
    monkeypatch.undo()
    assert attack.post("admin", "/v1/attack/score", {"text": HURT}).json()["missing"] == {}


def test_the_description_says_how_long_a_text_may_be(attack):
    """The bench takes shorter texts than scoring does."""
    schemas = attack.client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["AttackScoreRequest"]["properties"]["text"]["maxLength"] == 5_000
    assert schemas["ScoreInput"]["properties"]["text"]["maxLength"] == 20_000
