"""The API keeps to its own description, whatever is sent: schemathesis against the service on a port, in every role.

HUNGJURY_CONTRACT_EXAMPLES says how many requests are made up for each route, role and kind (valid, broken); by default
so few that it takes about a minute.
"""

import os
import random
import socket
import threading
from collections import Counter
from dataclasses import dataclass

import attack_parts
import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from ensemble.scorer import Member
from ensemble.tasks.task import load_task
from ensemble.text import MAX_TEXT_CHARS
from miners.queue.api_keys import KeyStore, MemoryKeyRecords
from miners.queue.memory import MemoryQueue
from service.config import validate_config
from service.http import build_api
from service.live import Live
from service.services import Services
from tests.service.conftest import new_item

EXAMPLES = int(os.environ.get("HUNGJURY_CONTRACT_EXAMPLES", "5"))
WAYS = ("nobody", "score", "label", "admin", "session")
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
)
REFUSED = ["400", "401", "403", "404", "405", "409", "413", "422", "429"]
TOO_LONG_IS_REFUSED = schemathesis.Config.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": REFUSED}}}
)
"""413 as well, which schemathesis does not count among the refusals by itself."""

LOOSE = {"access": {"label_requests_per_minute": None, "wrong_keys_per_minute": 1_000_000}}


@dataclass
class Stand:
    """The service on a port, what it stands on, and what was counted."""

    url: str
    queue: MemoryQueue
    tokens: dict
    schema: object
    done: Counter
    statuses: Counter


@pytest.fixture(scope="module")
def stand(request):
    """A service with a key of every role, items, and things that were done to them."""
    keys, queue = KeyStore(MemoryKeyRecords()), MemoryQueue("injury")
    tokens = {role: keys.create(role, role)[0] for role in ("score", "label", "admin")}
    live = Live(queue, [Member("words", "keyword", "0" * 12)], deployed="words", thresholds={"words": 0.5})
    task, config = load_task("injury"), validate_config(LOOSE)
    services = Services(
        score=attack_parts.verdicts,
        queue=queue,
        ledger=queue,
        keys=keys,
        task=task,
        config=config,
        groups_answered=lambda: {"words": True},
        live=live,
        attack=attack_parts.desk(task, queue, config),
    )
    live.refresh(services.recorder)
    queue.enqueue([new_item(number, needed=3) for number in range(200)])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(build_api(services), log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        load_all_checks()
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=TOO_LONG_IS_REFUSED)
        counted = Stand(url, queue, tokens, schema, Counter(), Counter())
        try:
            yield counted
        finally:
            server.should_exit = True
            thread.join(timeout=20)
    assert not thread.is_alive()
    statuses = ", ".join(f"{count:,} of {status}" for status, count in sorted(counted.statuses.items()))
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{counted.done.total():,} requests by schemathesis ({dict(counted.done)}): {statuses}", flush=True)


def _signed_in(stand):
    """Headers of a labeler's browser."""
    told = httpx.post(f"{stand.url}/v1/session", headers={"Authorization": f"Bearer {stand.tokens['label']}"})
    cookie = told.headers["set-cookie"].split(";")[0]
    return {"Cookie": cookie, "X-CSRF-Token": told.json()["csrf_token"]}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("way", WAYS)
def test_the_service_keeps_to_its_description(stand, way, mode):
    """No server error, and no reply that the description does not have, whoever asks for whatever."""
    broken = []
    for found in stand.schema.get_all_operations():
        operation = found.ok()
        try:
            _storm(stand, operation, way, mode)
        except Unsatisfiable:  # nothing can be sent that would be wrong
            continue
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - told together, with the route's name
            broken.append(f"{operation.label}: {error}"[:3000])
    assert broken == [], "\n\n".join(broken)


def _storm(stand, operation, way, mode):
    checks = CHECKS.get_by_names(CHECKED)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def storm(case):
        if way == "session" and operation.label.endswith("/v1/session"):
            return
        if mode is GenerationMode.POSITIVE:
            _real_ids(stand, case)
            _ordered_spans(case)
            _fitting_places(case)
        headers = _signed_in(stand) if way == "session" else {}
        if way in stand.tokens:
            headers = {"Authorization": f"Bearer {stand.tokens[way]}"}
        reply = case.call(headers=headers)
        stand.done[way] += 1
        stand.statuses[reply.status_code] += 1
        case.validate_response(reply, checks=checks, headers=headers)

    storm()


def _real_ids(stand, case):
    """Half of the time, ids that are there, so that more is reached than a 404."""
    draw = random.Random(str(case.path_parameters) + str(stand.done.total()))
    known = {
        "item_id": lambda: new_item(draw.randrange(200)).id,
        "name": lambda: "injury",
        "lease_id": lambda: _lease(stand),
    }
    for name in case.path_parameters or {}:
        if name in known and draw.random() < 0.5:
            case.path_parameters[name] = known[name]()


def _ordered_spans(case):
    """A span's end lies behind its start, which no JSON schema can say."""
    body = case.body if isinstance(case.body, dict) else {}
    for span in body.get("spans") or ():
        span["end"] = max(span["end"], min(span["start"] + 1, MAX_TEXT_CHARS))
        span["start"] = min(span["start"], span["end"] - 1)


def _fitting_places(case):
    """A place lies in the text, and steps from a blank page lead to it, which no JSON schema can say either."""
    body = case.body if isinstance(case.body, dict) else {}
    if case.path.endswith("/attack/suggest"):
        start, end = body.pop("start", None), body.pop("end", None)
        if start is not None and end is not None:
            body["start"], body["end"] = sorted(int(place) % (len(body["text"]) + 1) for place in (start, end))
    if case.path.endswith("/attack/submit"):
        body["edits"] = [{"at": 0, "inserted": body["text"]}]


def _lease(stand):
    rater = next(iter(stand.tokens))
    leases = stand.queue.lease(rater, request_id=str(stand.done.total()))
    return leases[0].lease_id if leases else "none"
