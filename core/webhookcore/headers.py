"""The names of the headers that Webhook Core reads and writes, each in one place."""

from typing import Final

SIGNATURE: Final = "X-Hub-Signature-256"
REQUEST_ID: Final = "X-Request-ID"
CORRELATION_ID: Final = "X-Correlation-ID"
CORE_LATENCY: Final = "X-WA-Core-Latency"
ROUTED_FROM: Final = "X-Routed-From"
ROUTED_SERVICE: Final = "X-Routed-Service"
ROUTING_REASON: Final = "X-Routing-Reason"
EVENT_COUNT: Final = "X-Event-Count"
MENU_SELECTION: Final = "X-Menu-Selection"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
ATTEMPT: Final = "X-WA-Attempt"
RECEIVED_AT: Final = "X-WA-Received-At"
TRACEPARENT: Final = "traceparent"
INTERNAL_FORWARD: Final = "X-WA-Internal-Forward"
DLQ_RETRY: Final = "X-DLQ-Retry"
