"""A router's internal listener for tests of the dlq-processor: checks what arrives, answers the scripted outcome."""

from collections.abc import Callable
from datetime import UTC, datetime

from tests.support.config import INTERNAL_SECRET
from tests.support.services import Answer as HttpAnswer
from tests.support.services import FakeService, Received

from webhookcore.delivery.outcome import Delivered, Outcome
from webhookcore.redelivery import Answer, Redelivery, decode, encode_outcome
from webhookcore.signature import verify_forward

Script = Callable[[Redelivery], Outcome | HttpAnswer]


class InternalListener(FakeService):
    """`script` says what becomes of a redelivery; an HttpAnswer is what no router would say."""

    def __init__(self, script: Script | None = None, *, delay: float = 0.0, port: int = 0) -> None:
        super().__init__(self._judge, port=port, path="/internal/deliver")
        self.script: Script = script or (lambda _redelivery: Delivered(200))
        self.delay = delay
        self.redeliveries: list[Redelivery] = []
        self.refused: list[Received] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _judge(self, received: Received) -> HttpAnswer:
        now = int(datetime.now(UTC).timestamp())
        signature = received.headers.get("x-wa-internal-forward")
        if received.target != "/internal/deliver" or not verify_forward(
            received.body, signature, INTERNAL_SECRET.encode(), now
        ):
            self.refused.append(received)
            return HttpAnswer(401)
        redelivery = decode(received.body)
        self.redeliveries.append(redelivery)
        judged = self.script(redelivery)
        if isinstance(judged, HttpAnswer):
            return judged
        answer = Answer(judged, redelivery.route, redelivery.attempt)
        return HttpAnswer(200, {"Content-Type": "application/json"}, encode_outcome(answer), delay=self.delay)
