"""The checks: what a person would expect of the day against what everybody outside the system really saw."""

from demo.checks import afterwards, answers, arrivals, contract, menus, order, rate
from demo.checks.check import Check
from demo.checks.ledger import Ledger
from demo.company import Company

__all__ = ["Check", "Ledger", "check"]


def check(ledger: Ledger, company: Company) -> list[Check]:
    """Every check, in the order in which a reader wants to know."""
    return [
        answers.accepted(ledger),
        answers.refused(ledger),
        answers.decided(ledger),
        arrivals.once(ledger),
        arrivals.told_when_again(ledger),
        arrivals.nothing_else(ledger),
        arrivals.byte_for_byte(ledger),
        menus.sent_once(ledger, company),
        order.in_order(ledger),
        order.one_at_a_time(ledger),
        contract.headers(ledger, company.spec),
        contract.proof(ledger, company),
        rate.kept(ledger, company.spec.router.rate_limit.messages_per_minute),
        afterwards.nothing_left(ledger),
        afterwards.abandoned(ledger),
        afterwards.jobs_agree(ledger),
        afterwards.cleaned(ledger),
    ]
