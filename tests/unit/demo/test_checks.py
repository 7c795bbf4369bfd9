"""The demo's checks: silent about a day on which all came out right, and each lie in what was seen is found."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from demo.brief import brief
from demo.checks import Check, Ledger, check
from demo.company import Company
from demo.day import RECORDING, Notification, read, since_midnight
from demo.observed import Answer, Letter, Observed, Receipt, Verdict
from demo.totals import Totals
from tests.unit.demo.perfect import perfect

INSURANCE, MOBILITY, JOBS = "wa-webhook-insurance", "wa-webhook-mobility", "wa-webhook-jobs"
DAY = read(RECORDING, since_midnight("08:30"))
COMPANY = Company.made()


def mismatches(day: list[Notification], observed: Observed) -> list[str]:
    return [problem for each in checks(day, observed) for problem in each.mismatches]


def checks(day: list[Notification], observed: Observed) -> list[Check]:
    return check(Ledger.of(day, observed), COMPANY)


def of_service(observed: Observed, service: str) -> list[Receipt]:
    return [receipt for receipt in observed.receipts if receipt.service == service]


def with_header(receipt: Receipt, name: str, text: str | None) -> None:
    rest = {key: value for key, value in receipt.headers.items() if key != name}
    receipt.headers = rest if text is None else {**rest, name: text}


def again(receipt: Receipt, attempt: int) -> Receipt:
    later = replace(receipt, began=receipt.began + 1, ended=receipt.began + 1.01)
    with_header(later, "x-wa-attempt", str(attempt))
    return later


def test_nothing_is_found_where_all_came_out_right() -> None:
    """Every check has something to look at on half a morning, the rate limit apart, and none of them complains."""
    found = checks(DAY, perfect(DAY, COMPANY))
    assert [problem for each in found for problem in each.mismatches] == []
    nothing_to_do = [each.title for each in found if not each.looked_at]
    assert len(nothing_to_do) == 2, nothing_to_do
    assert "came again" in nothing_to_do[0]
    assert "faster than 30" in nothing_to_do[1]


def a_lost_delivery(seen: Observed) -> None:
    seen.receipts.remove(of_service(seen, MOBILITY)[3])


def a_delivery_twice_and_untold(seen: Observed) -> None:
    seen.receipts.append(again(of_service(seen, MOBILITY)[0], 1))


def a_delivery_twice_for_no_reason(seen: Observed) -> None:
    seen.receipts.append(again(of_service(seen, MOBILITY)[0], 2))


def an_attempt_that_went_back(seen: Observed) -> None:
    first = of_service(seen, MOBILITY)[0]
    first.status = 503
    with_header(first, "x-wa-attempt", "2")
    seen.receipts.append(again(first, 1))
    seen.receipts[-1].status = 200


def the_wrong_service(seen: Observed) -> None:
    of_service(seen, MOBILITY)[0].service = JOBS


def another_key(seen: Observed) -> None:
    with_header(of_service(seen, MOBILITY)[0], "idempotency-key", "another")


def one_key_for_two(seen: Observed) -> None:
    first, second, *_ = of_service(seen, "wa-webhook-reports")
    with_header(second, "idempotency-key", first.key)


def what_nobody_sent(seen: Observed) -> None:
    body = of_service(seen, MOBILITY)[0].body.replace(b"wamid.", b"wamid.X")
    seen.receipts.append(replace(of_service(seen, MOBILITY)[0], body=body))


def what_is_no_event(seen: Observed) -> None:
    seen.receipts.append(replace(of_service(seen, MOBILITY)[0], body=b"[]"))


def what_was_only_to_be_counted(seen: Observed) -> None:
    body = next(each.body for each in DAY if "account update" in each.note)
    seen.receipts.append(replace(of_service(seen, MOBILITY)[0], body=body))


def a_strangers_message(seen: Observed) -> None:
    body = next(each.body for each in DAY if each.signed_by != "meta")
    seen.receipts.append(replace(of_service(seen, MOBILITY)[0], body=body))


def a_space_in_the_body(seen: Observed) -> None:
    receipt = of_service(seen, MOBILITY)[0]
    receipt.body = receipt.body.replace(b'":', b'": ', 1)


def another_order(seen: Observed) -> None:
    first, second = [each for each in of_service(seen, INSURANCE) if each.done][:2]
    first.began, second.began = second.began, first.began


def two_at_a_time(seen: Observed) -> None:
    first, second = of_service(seen, INSURANCE)[:2]
    first.ended = second.began + 0.005


def a_header_that_is_missing(seen: Observed) -> None:
    with_header(of_service(seen, MOBILITY)[0], "x-wa-received-at", None)


def a_menu_selection_that_is_missing(seen: Observed) -> None:
    receipt = next(each for each in seen.receipts if "x-menu-selection" in each.headers)
    with_header(receipt, "x-menu-selection", None)


def another_request_id(seen: Observed) -> None:
    with_header(of_service(seen, MOBILITY)[0], "x-request-id", "another")


def another_services_signature(seen: Observed) -> None:
    with_header(of_service(seen, MOBILITY)[0], "x-hub-signature-256", "sha256=00")


def no_token(seen: Observed) -> None:
    with_header(of_service(seen, "wa-webhook-reports")[0], "authorization", None)


def a_menu_too_few(seen: Observed) -> None:
    seen.menus.pop()


def a_menu_too_many(seen: Observed) -> None:
    seen.menus.append(seen.menus[0])


def a_menu_without_services(seen: Observed) -> None:
    seen.menus[0] = replace(seen.menus[0], content={})


def a_menu_without_the_token(seen: Observed) -> None:
    seen.menus[0] = replace(seen.menus[0], token="another")


def an_answer_that_is_not_200(seen: Observed) -> None:
    seen.answers[0] = replace(seen.answers[0], status=503)


def no_answer(seen: Observed) -> None:
    del seen.answers[0]


def another_count_of_events(seen: Observed) -> None:
    seen.answers[0] = replace(seen.answers[0], headers={**seen.answers[0].headers, "x-event-count": "2"})


def an_answer_without_ids(seen: Observed) -> None:
    headers = {name: text for name, text in seen.answers[0].headers.items() if name != "x-correlation-id"}
    seen.answers[0] = replace(seen.answers[0], headers=headers)


def an_answer_without_latency(seen: Observed) -> None:
    seen.answers[0] = replace(seen.answers[0], headers={**seen.answers[0].headers, "x-wa-core-latency": "fast"})


def a_stranger_let_in(seen: Observed) -> None:
    number = next(each.number for each in DAY if each.signed_by != "meta")
    seen.answers = [Answer(number, 200, {}) if each.number == number else each for each in seen.answers]


def another_decision(seen: Observed) -> None:
    seen.verdicts["request-1"] = [Verdict(JOBS, "keyword")]


def no_decision(seen: Observed) -> None:
    del seen.verdicts["request-1"]


def an_answer_that_says_another_route(seen: Observed) -> None:
    seen.answers[0] = replace(seen.answers[0], headers={**seen.answers[0].headers, "x-routed-service": JOBS})


def something_left_in_the_inbox(seen: Observed) -> None:
    seen.left = {JOBS: 1}


def a_dead_letter_that_is_not_settled(seen: Observed) -> None:
    seen.letters.append(Letter("x", JOBS, "Timeout", "no answer", 1, 2, processed=False, abandoned=False))


def a_router_that_crashed(seen: Observed) -> None:
    seen.router_exits = [0, -11]


def a_good_message_abandoned(seen: Observed) -> None:
    key = of_service(seen, MOBILITY)[0].key
    seen.letters.append(Letter(key, MOBILITY, "ServerError", "answered 500", 3, 4, processed=False, abandoned=True))


def poison_that_is_not_abandoned(seen: Observed) -> None:
    seen.letters.clear()


def poison_that_was_taken(seen: Observed) -> None:
    next(each for each in seen.receipts if each.status == 422).status = 200


def a_command_that_failed(seen: Observed) -> None:
    seen.runs[0] = replace(seen.runs[0], code=1)


def a_job_that_says_more_than_it_did(seen: Observed) -> None:
    seen.runs[0] = replace(seen.runs[0], result={"processed": 2, "successful": 2, "failed": 0})


def a_job_whose_numbers_do_not_add_up(seen: Observed) -> None:
    seen.runs[0] = replace(seen.runs[0], result={"processed": 5, "successful": 0, "failed": 1})


def a_clean_up_that_left_something(seen: Observed) -> None:
    assert seen.cleanup is not None
    seen.cleanup = replace(seen.cleanup, removed={**seen.cleanup.removed, "abandoned": 0})


def a_clean_up_that_says_otherwise(seen: Observed) -> None:
    assert seen.cleanup is not None
    run = replace(seen.cleanup.run, result={"sessions": {"deleted": 99}})
    seen.cleanup = replace(seen.cleanup, run=run)


def no_clean_up(seen: Observed) -> None:
    seen.cleanup = None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (a_lost_delivery, "wa-webhook-mobility never took it, after 0 requests"),
        (a_delivery_twice_and_untold, "arrived with X-WA-Attempt 1, 1"),
        (a_delivery_twice_for_no_reason, "had taken it, and got it again"),
        (an_attempt_that_went_back, "arrived with X-WA-Attempt 2, 1"),
        (the_wrong_service, "expected at wa-webhook-mobility, arrived at wa-webhook-jobs"),
        (another_key, "Idempotency-Key is not the message's id"),
        (one_key_for_two, "has the Idempotency-Key of line"),
        (what_nobody_sent, "no event of the day"),
        (what_is_no_event, "no event of the day"),
        (what_was_only_to_be_counted, "not for a service, but arrived at wa-webhook-mobility"),
        (a_strangers_message, "no event of the day"),
        (a_space_in_the_body, "got another body than Meta sent"),
        (another_order, "reached wa-webhook-insurance before"),
        (two_at_a_time, "while it still worked on"),
        (a_header_that_is_missing, "x-wa-received-at None"),
        (a_menu_selection_that_is_missing, "x-menu-selection None, expected"),
        (another_request_id, "x-request-id 'another'"),
        (another_services_signature, "without valid proof"),
        (no_token, "without valid proof"),
        (a_menu_too_few, "menus, got"),
        (a_menu_too_many, "menus, got"),
        (a_menu_without_services, "does not list Rides"),
        (a_menu_without_the_token, "without the access token"),
        (an_answer_that_is_not_200, "answered 503, expected 200"),
        (no_answer, "answered not at all, expected 200"),
        (another_count_of_events, "holds 1 events, X-Event-Count says 2"),
        (an_answer_without_ids, "has no x-correlation-id"),
        (an_answer_without_latency, "X-WA-Core-Latency is 'fast'"),
        (a_stranger_let_in, "answered 200, expected 401"),
        (another_decision, "expected wa-webhook-core (home), decided wa-webhook-jobs (keyword)"),
        (no_decision, "1 events, 0 decisions"),
        (an_answer_that_says_another_route, "the answer says wa-webhook-jobs (home)"),
        (something_left_in_the_inbox, "1 events still wait in the inbox for wa-webhook-jobs"),
        (a_dead_letter_that_is_not_settled, "is not settled: Timeout"),
        (a_router_that_crashed, "router 2 ended with -11"),
        (a_good_message_abandoned, "abandoned (ServerError"),
        (poison_that_is_not_abandoned, "expected to be abandoned, and is not"),
        (poison_that_was_taken, "took it, though it never should"),
        (a_command_that_failed, "ended with 1"),
        (a_job_that_says_more_than_it_did, "2 dead letters were delivered, the queue shows 0"),
        (a_job_whose_numbers_do_not_add_up, "do not add up"),
        (a_clean_up_that_left_something, "1 abandoned were old, 0 were removed"),
        (a_clean_up_that_says_otherwise, "says 99 sessions, 3 are gone"),
        (no_clean_up, "never ran"),
    ],
)
def test_what_is_wrong_is_found_and_said(spoil: Callable[[Observed], None], said: str) -> None:
    """Whatever differs from what it should have been becomes a mismatch that says what."""
    seen = perfect(DAY, COMPANY)
    spoil(seen)
    found = mismatches(DAY, seen)
    assert any(said in mismatch for mismatch in found), found


def test_an_expectation_that_is_wrong_is_found_too() -> None:
    """The recording itself is no less a witness: a reader who expects another service is told."""
    number = next(n for n, each in enumerate(DAY) if each.expected[0].reason == "reply_id")
    expected = replace(DAY[number].expected[0], route=JOBS)
    tampered = [*DAY[:number], replace(DAY[number], expected=(expected,)), *DAY[number + 1 :]]
    found = mismatches(tampered, perfect(DAY, COMPANY))
    assert any("expected wa-webhook-jobs (reply_id), decided wa-webhook-mobility" in each for each in found), found
    assert any("expected at wa-webhook-jobs, arrived at wa-webhook-mobility" in each for each in found), found


def test_what_came_again_because_its_outcome_was_unknown_is_no_mismatch() -> None:
    """A service that took an event after the router had given up on it is told, and may see it again."""
    seen = perfect(DAY, COMPANY)
    receipt = of_service(seen, MOBILITY)[0]
    seen.receipts.append(again(receipt, 2))
    seen.letters.append(Letter(receipt.key, MOBILITY, "Timeout", "no answer", 0, 2, processed=True, abandoned=False))
    seen.runs[0] = replace(seen.runs[0], result={"processed": 2, "successful": 1, "failed": 1})
    assert mismatches(DAY, seen) == []


def test_a_menu_that_may_have_been_sent_is_not_missed() -> None:
    """Nobody wants two menus: one whose outcome is unknown is abandoned, and is in no mismatch."""
    seen = perfect(DAY, COMPANY)
    asked = next(each for each in DAY if each.expected[0].reason == "home")
    menu = seen.menus.pop(0)
    key = Ledger.of([asked], seen).entries[0].item.message_id or ""
    assert menu.to in asked.body.decode()
    seen.letters.append(Letter(key, "wa-webhook-core", "UnknownOutcome", "no answer", 0, 1, False, True))
    assert mismatches(DAY, seen) == []


def test_whoever_is_heard_too_fast_is_found() -> None:
    """Of 36 messages at once, 6 must wait: the 31st two seconds, the one after it four, and so on."""
    day = [each for each in read(RECORDING) if "36 photos" in each.note]
    seen = perfect(day, COMPANY)
    assert sum("too early for the rate limit" in each for each in mismatches(day, seen)) == 6
    began = min(receipt.began for receipt in seen.receipts)
    for position, receipt in enumerate(sorted(seen.receipts, key=lambda each: each.began)):
        receipt.began = max(receipt.began, began + max(0, position - 29) * 2)
        receipt.ended = receipt.began + 0.01
    assert not [each for each in mismatches(day, seen) if "too early" in each]
    delayed = Totals.of(Ledger.of(day, seen), 30).delayed
    assert [(each.messages, each.delayed) for each in delayed.values()] == [(36, 6)]


def test_the_totals_count_every_event_once() -> None:
    """The balance adds up to what Meta sent, and says what was lost."""
    seen = perfect(DAY, COMPANY)
    events = sum(len(each.expected) for each in DAY if each.signed_by == "meta")
    totals = Totals.of(Ledger.of(DAY, seen), 30)
    assert sum(totals.accepted.values()) == events
    assert totals.accepted["abandoned"] == 1
    assert sum(reasons.total() for reasons in totals.routed.values()) == events
    a_lost_delivery(seen)
    assert Totals.of(Ledger.of(DAY, seen), 30).accepted["LOST"] == 1


def test_repeats_are_told_by_their_keys() -> None:
    """A request for an event that the service had seen is a repeat, whatever came of the first one."""
    seen = perfect(DAY, COMPANY)
    first = of_service(seen, MOBILITY)[0]
    before = Totals.of(Ledger.of(DAY, seen), 30).services[MOBILITY]
    seen.receipts.append(again(first, 2))
    after = Totals.of(Ledger.of(DAY, seen), 30).services[MOBILITY]
    assert (after.unique, after.repeats, after.highest_attempt) == (before.unique, 1, 2)


def test_the_time_of_a_notification_is_its_clock() -> None:
    """What a mismatch names can be found in the recording."""
    assert DAY[0].clock == "06:06"
    assert DAY[0].at > timedelta(hours=6)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"success": True, "processed": 2, "successful": 2, "failed": 0, "durationMs": 9}, "2 processed, 2 successful"),
        (
            {"sessions": {"deleted": 3, "ttlHours": 24}, "dlq": {"deleted": 1, "retentionDays": 7}},
            "3 sessions deleted, 1 dlq deleted",
        ),
        ({"success": True, "processed": 0}, "nothing to do"),
    ],
)
def test_a_result_in_a_few_words(result: dict[str, object], words: str) -> None:
    """What was counted; no setting and no duration."""
    assert words == brief(result)
