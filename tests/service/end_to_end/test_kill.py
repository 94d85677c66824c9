"""Processes of the running service killed with -9 while people answer: nothing acknowledged is lost, and it comes back.

Each test prints how often it killed, what was acknowledged, and how long the service was away.
"""

import contextlib
import json
import time
from collections import Counter

import httpx
import psutil
import pytest
from live_service import corpus_file, one_a_family
from raters import Rater, Shift, check_accounts

from ensemble.text import identity
from ensemble.verdict import MemberScore, Verdict
from miners.candidate import Provenance
from miners.queue.connect import Store
from miners.queue.types import NewItem

pytestmark = pytest.mark.service

ITEMS = 60
STORE_KILLS = 4
MINER_KILLS = 2
BACK_SECONDS = 90.0
"""Longest that anything may be away, on a busy machine."""

MEMBERS_OF_LANGUAGE_MODEL = ["judge", "probe"]


@pytest.fixture
def make_shift(live):
    """Makes a shift of three raters with enough to do; afterwards the accounts are compared with what is stored."""
    with contextlib.ExitStack() as open_clients:
        raters = {}
        for name in ("one", "two", "three"):
            made = live.json("key", "create", "--role", "label", "--name", name)
            raters[made["id"]] = Rater(open_clients.enter_context(live.client(made["key"])), opinion)

        def make(*, pause):
            return Shift(list(raters.values()), pause=pause)

        yield make
        said = sum(len(rater.acknowledged) for rater in raters.values())
        assert check_accounts(raters, live.items()) == said > 0
        repeats = sum((rater.repeats for rater in raters.values()), Counter())
        print(f"{said} acknowledged answers, all there, no item twice to a rater; repeated requests: {dict(repeats)}")


def opinion(lease):
    """An answer that can be told from every other."""
    answer = ("yes", "no", "unsure")[len(lease["text"]) % 3]
    return {"answer": answer, "severity": len(lease["text"]) % 5, "note": lease["item_id"]}


def enqueue(live, prefix):
    """Items for two answers each, put into the store as a campaign puts them, without the time that scoring takes."""
    with Store((live.home / "run" / "redis_url").read_text()) as store:
        store.queue("injury").enqueue([new_item(f"{prefix} {number}{'!' * (number % 7)}") for number in range(ITEMS)])


def new_item(text):
    """An item with a verdict of one member."""
    verdict = Verdict(
        id=identity(text),
        probability=0.5,
        decision="flag",
        disagreement=0.0,
        miss_score=0.5,
        members={"encoder": MemberScore(probability=0.4, vote="no", version="0" * 12)},
        degraded=[],
        review=False,
    )
    return NewItem(
        id=identity(text),
        task="injury",
        text=text,
        priority=5.0,
        needed=2,
        selection_probability=1.0,
        deployed="encoder",
        deployed_passed=True,
        verdict=verdict,
        provenance=Provenance(source="corpus:kill", family=text),
    )


def test_the_store_killed_right_after_acknowledged_answers(live, make_shift, wait_until):
    """Killed again and again the moment an answer was acknowledged, the store comes back with every answer."""
    away, killed = [], set()
    with make_shift(pause=0.1) as shift:
        for kill in range(STORE_KILLS):
            enqueue(live, f"store {kill}")
            server, before = live.store_process(), shift.acknowledged()
            wait_until(lambda before=before: shift.acknowledged() >= before + 15, seconds=BACK_SECONDS, every=0.001)
            server.kill()
            moment = time.monotonic()
            killed.add(server.pid)
            wait_until(lambda: another(live.store_process(), killed), seconds=BACK_SECONDS)
            back = time.monotonic()
            wait_until(lambda back=back: shift.answered_since(back), seconds=BACK_SECONDS, every=0.01)
            away.append(time.monotonic() - moment)
        wait_until(lambda: finished(live, "store", ITEMS * STORE_KILLS), seconds=300, every=1)
    assert len(killed) == STORE_KILLS
    assert live.ready()
    print(f"store killed {STORE_KILLS} times, answering again after {', '.join(f'{each:.1f}' for each in away)} s")


def test_a_miner_killed_in_the_middle_of_its_campaign(live, make_shift):
    """The campaign's process killed twice while people answer: the campaign ends as planned, no text queued twice."""
    rows = one_a_family("calibration")[30:126]
    corpus = corpus_file(live.home / "killed.jsonl", rows)
    enqueue(live, "miner")
    with make_shift(pause=0.5) as shift:
        mining = live.start("mine", "-i", corpus, "--name", "killed", "--budget", 1600, "--queue", 48, "--json")
        killed, waits = kill_miners(live, mining)
        out, err = mining.communicate(timeout=300)
        answers = shift.acknowledged()
    assert mining.returncode == 0, err
    summary = json.loads(out)
    ours = [item for item in live.items() if item["new"]["provenance"]["campaign"] == "killed"]
    assert len(killed) == MINER_KILLS
    assert summary["queued"] == len(ours) == len({item["new"]["id"] for item in ours}) == 48
    assert summary["scored"] + summary["near_duplicates"] + summary["exact_duplicates"] == len(rows)
    assert all(0 < item["new"]["selection_probability"] <= 1 for item in ours)
    shown = ", ".join(f"{each:.1f}" for each in waits)
    print(f"miner killed {len(killed)} times, at work again after {shown} s; meanwhile {answers} answers")


def kill_miners(live, mining):
    """Kills the campaign's process each time it has scored something more; processes, and seconds until the next."""
    killed, waits, done, moment = [], [], 0, 0.0
    deadline = time.monotonic() + 300
    while mining.poll() is None and time.monotonic() < deadline:
        pid, scored = miner(live)
        if pid is not None and pid not in killed:
            if moment:
                waits.append(time.monotonic() - moment)
                moment = 0.0
            if len(killed) < MINER_KILLS and scored > done:
                psutil.Process(pid).kill()
                killed, done, moment = [*killed, pid], scored, time.monotonic()
        time.sleep(0.05)
    return killed, waits


def miner(live):
    """Process of the campaign named "killed" and the texts it has scored, as the service reports them."""
    for path in (live.home / "run" / "campaigns").glob("*.json"):
        news = json.loads(path.read_text())
        if news["progress"] and news["progress"]["campaign"] == "killed":
            return news["pid"], news["progress"]["tally"]["scored"]
    return None, 0


def test_a_member_killed_while_texts_are_scored(live, make_shift):
    """While its process is gone every verdict names the missing members and flags, and then it is back by itself."""
    before = live.replica("language_model")
    verdicts, refused = [], 0
    enqueue(live, "member")
    with make_shift(pause=0.5) as shift, live.client(live.key("score", "caller")) as client:
        assert not score(client)["degraded"]
        before.kill()
        moment = time.monotonic()
        while not verdicts or verdicts[-1]["degraded"] or not any(verdict["degraded"] for verdict in verdicts):
            seen = f"{len(verdicts)} verdicts, {sum(bool(v['degraded']) for v in verdicts)} degraded, {refused} refused"
            assert time.monotonic() < moment + 2 * BACK_SECONDS, f"the member does not come back: {seen}"
            verdict = score(client)
            refused += verdict is None
            verdicts += [verdict] if verdict else []
        back, answers = time.monotonic() - moment, shift.acknowledged()
    lacking = [verdict for verdict in verdicts if verdict["degraded"]]
    for verdict in lacking:
        assert sorted(verdict["degraded"]) == MEMBERS_OF_LANGUAGE_MODEL
        assert (verdict["decision"], verdict["review"]) == ("flag", True)
        assert not set(verdict["degraded"]) & set(verdict["members"])
    assert live.replica("language_model").pid != before.pid
    assert live.ready()
    print(f"language model killed, back after {back:.1f} s; {len(verdicts)} verdicts, {len(lacking)} of them degraded")
    print(f"and flagged, {refused} requests refused; meanwhile {answers} answers")


def score(client):
    """Verdict of a text that no member finds dangerous; None where the service asks to come again."""
    body = {"inputs": [{"text": "She poured the tea and read the letter twice."}]}
    response = client.post("/v1/score", json=body)
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        assert response.headers["Retry-After"]
        return None
    assert response.status_code == httpx.codes.OK, response.text
    return response.json()["verdicts"][0]


def another(process, killed):
    """Whether there is a process, and none of those killed."""
    return process is not None and process.pid not in killed


def finished(live, prefix, count):
    """Whether every item of a test has its answers."""
    items = [item for item in live.items() if item["new"]["text"].startswith(f"{prefix} ")]
    return len(items) == count and all(item["state"] == "done" for item in items)
