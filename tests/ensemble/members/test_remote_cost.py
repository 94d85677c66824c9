"""What a remote judge costs is counted and kept within its budget, over restarts and processes."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from endpoint import running_endpoint
from remote_judges import HURT, WELL, judges_of

from ensemble.errors import MemberUnavailableError
from ensemble.home import home
from ensemble.members.cost import Ledger, Spent
from ensemble.members.specs import DEFAULT_MEMBERS, JudgeSpec

PRICES = {"price_per_million_input": 2.0, "price_per_million_output": 10.0}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 400}}
ONE = 0.00204
"""What an answer with `USAGE` costs at `PRICES`."""


@pytest.fixture
def endpoint():
    with running_endpoint() as server:
        server.usage = USAGE
        yield server


@pytest.fixture
def judge(endpoint):
    yield from judges_of(endpoint)


def test_tokens_requests_seconds_and_money_are_counted(judge, endpoint):
    """What the endpoint says that it used is added up; failures and repeats are counted apart."""
    endpoint.refusals = [500]
    one = judge(**PRICES, concurrency=1)
    one.score([HURT, WELL])
    spent = one.take_spent()
    assert (spent.requests, spent.retries, spent.failures, spent.guessed) == (3, 1, 1, 0)
    assert (spent.input_tokens, spent.cached_tokens, spent.output_tokens) == (2000, 800, 8)
    assert spent.cost == pytest.approx(2 * ONE)
    assert spent.seconds > 0
    assert one.take_spent() == Spent()


def test_cached_tokens_have_a_price_of_their_own(judge):
    """Where a price for cached input is given, that part of the input costs it."""
    one = judge(**PRICES, price_per_million_cached=0.5)
    one.score([HURT])
    assert one.take_spent().cost == pytest.approx((600 * 2.0 + 400 * 0.5 + 4 * 10.0) / 1e6)


@pytest.mark.parametrize(
    "usage",
    [None, "many", {"prompt_tokens": "7"}, {"prompt_tokens": -1}, {"prompt_tokens": True}, {"completion_tokens": 3}],
)
def test_tokens_are_guessed_where_they_are_not_told(judge, endpoint, usage):
    """An endpoint that does not count costs money all the same: rather too much is assumed than too little."""
    endpoint.usage = usage
    one = judge(**PRICES)
    one.score([HURT])
    spent = one.take_spent()
    assert (spent.requests, spent.guessed) == (1, 1)
    assert spent.input_tokens > 100
    assert spent.cost > 0


def test_without_prices_nothing_is_kept(judge):
    """Tokens are counted, money is not, and no file is written."""
    one = judge()
    one.score([HURT])
    assert (one.take_spent().input_tokens, one.take_spent().cost) == (1000, 0.0)
    assert not (home() / "spent").exists()


def test_a_spent_budget_makes_the_judge_unavailable(judge, endpoint):
    """The request after the one that used the budget up is not sent; the message has limit, amount and remedy."""
    one = judge(**PRICES, budget=ONE * 2.5, concurrency=1)
    one.score([HURT, HURT, HURT])
    with pytest.raises(MemberUnavailableError, match=r"budget 0\.0051 .* is spent; raise it in panel\.judge"):
        one.score([WELL])
    assert len(endpoint.seen) == 3


def test_the_budget_holds_over_restarts_and_can_be_raised(judge, endpoint):
    """Another judge with the same endpoint and model goes on from what was spent; a higher limit lets it go on."""
    first = judge(**PRICES, budget=ONE)
    first.score([HURT])
    first.close()
    with pytest.raises(MemberUnavailableError, match="budget"):
        judge(**PRICES, budget=ONE).score([HURT])
    same = {"endpoint": endpoint.url, "endpoint_model": "tiny"}
    raised = {**same, **PRICES, "budget": 1.0}
    assert judge(limits=raised, **PRICES, budget=ONE).score([HURT])[0, 0] > 0.5
    assert judge(**PRICES, budget=ONE, endpoint_model="other").score([HURT])[0, 0] > 0.5


def test_a_new_day_has_a_budget_of_its_own(judge):
    """What was spent on other days counts for the budget in all, not for the day's."""
    one = judge(**PRICES, budget_per_day=ONE)
    one.score([HURT])
    one.close()
    with pytest.raises(MemberUnavailableError, match="wait for the next day"):
        judge(**PRICES, budget_per_day=ONE).score([HURT])
    (path,) = (home() / "spent").glob("*.json")
    known = json.loads(path.read_text())
    (cost,) = known["days"].values()
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    path.write_text(json.dumps({**known, "days": {yesterday: cost}}))
    assert judge(**PRICES, budget_per_day=ONE).score([HURT])[0, 0] > 0.5
    with pytest.raises(MemberUnavailableError, match="raise it"):
        judge(**PRICES, budget=ONE).score([HURT])


def test_a_damaged_record_of_what_was_spent_is_told(judge):
    """Without knowing what was spent nothing more is spent, and the file is named."""
    one = judge(**PRICES, budget=1.0)
    one.score([HURT])
    one.close()
    (path,) = (home() / "spent").glob("*.json")
    path.write_text("{")
    with pytest.raises(MemberUnavailableError, match=path.name):
        judge(**PRICES, budget=1.0).score([HURT])


ADD = """
import sys
from pathlib import Path
from ensemble.members.cost import Ledger
ledger = Ledger(Path(sys.argv[1]))
for _ in range(50):
    ledger.add(0.01)
    ledger.write()
"""


def test_processes_add_up(tmp_path):
    """Several processes that spend at once lose nothing of each other's sums."""
    path = tmp_path / "spent.json"
    adding = [subprocess.Popen([sys.executable, "-c", ADD, str(path)]) for _ in range(3)]
    assert [one.wait(60) for one in adding] == [0, 0, 0]
    total, today = Ledger(path).used()
    assert total == pytest.approx(1.5)
    assert today == pytest.approx(1.5)


def test_limits_are_no_part_of_what_a_fit_depends_on():
    """Another budget, price, pause or key variable needs no new fit; another endpoint, or local model, does."""
    spec = JudgeSpec(endpoint="http://h/v1", endpoint_model="m")
    limits = {"timeout_seconds": 5.0, "retries": 0, "api_key_env": "KEY", "breaker_seconds": 1.0, **PRICES, "budget": 1}
    limited = JudgeSpec(endpoint="http://h/v1", endpoint_model="m", **limits)
    assert limited.fitted_by() == spec.fitted_by()
    assert spec.limited_as(limited) == limited
    assert JudgeSpec(endpoint="http://h/v2", endpoint_model="m").fitted_by() != spec.fitted_by()
    other = DEFAULT_MEMBERS.model_copy(update={"judge": JudgeSpec(model="here")})
    assert other.fitted_by() != DEFAULT_MEMBERS.fitted_by()
    assert DEFAULT_MEMBERS.model_copy(update={"judge": None}).fitted_by()["judge"] is None
