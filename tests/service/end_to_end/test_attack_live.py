"""An attacker at the bench of the real service: gradients and language model answer from processes of their own."""

import pytest

pytestmark = pytest.mark.service

TEXT = "The rope snapped, and the crate came down on his foot and crushed two of his toes."


def test_an_attack_over_http(live, wait_until):
    """From a seed's score over a word's suggestions and those for the whole text to the queue, with every step."""
    key = live.json("key", "create", "--scope", "texts:attack", "--name", "ana")["key"]
    with live.client(key) as client:

        def asked(path, **body):
            reply = client.post(f"/v1/attack/{path}", json=body)
            assert reply.status_code == 200, reply.text
            return reply.json()

        wait_until(lambda: asked("score", text=TEXT)["words"], seconds=120, every=0.5)  # the gradients are loaded
        scored = asked("score", text=TEXT)
        deployed = scored["verdict"]["members"][scored["deployed"]]["probability"]
        assert [TEXT[word["start"] : word["end"]] for word in scored["words"]][:2] == ["The", "rope"]
        start = TEXT.index("crate")
        at_word = asked("suggest", text=TEXT, start=start, end=start + len("crate"))
        assert {offer["edit"]["at"] for offer in at_word["suggestions"]} & {start}
        anywhere = asked("suggest", text=TEXT, more=True)
        offers = anywhere["suggestions"]
        assert offers
        assert anywhere["cost"]["member_calls"] == len(offers)
        for offer in offers:
            edit = offer["edit"]
            assert TEXT[: edit["at"]] + edit["inserted"] + TEXT[edit["at"] + len(edit["removed"]) :] == offer["text"]
            assert {offer["word"].lower(), edit["removed"].lower()}.isdisjoint({"foot", "toes", "crushed", "his"})
        best = offers[0]
        assert best["probability"] == min(offer["probability"] for offer in offers)
        again = asked("score", text=best["text"])["verdict"]["members"][scored["deployed"]]["probability"]
        assert again == pytest.approx(best["probability"], abs=0.02)  # batches of other sizes round otherwise
        handed = asked("submit", text=best["text"], edits=[{"at": 0, "inserted": TEXT}, best["edit"]], severity=3)
    (item,) = [item for item in live.items() if item["new"]["id"] == handed["item_id"]]
    assert item["new"]["text"] == best["text"]
    assert item["new"]["provenance"]["source"] == "attack"
    print(f"P(yes) {deployed:.3f}; best of {len(offers)} anywhere: {best['word']!r} for {best['edit']['removed']!r}, "
          f"{best['probability']:.3f}; {anywhere['cost']}")  # fmt: skip
