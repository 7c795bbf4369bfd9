"""What the operator's own environment says."""

import os
import socket

import pytest

from webhookcore_operator.leader import Times
from webhookcore_operator.operate import MisconfiguredError, Options

IMAGE = {"WEBHOOKCORE_OPERATOR_IMAGE": "webhook-core:1"}


def test_only_the_image_is_required() -> None:
    """Outside of a pod a process leads as itself."""
    made = Options.of(IMAGE)
    assert made == Options("webhook-core:1", "default", f"{socket.gethostname()}-{os.getpid()}")
    assert (made.watched, made.resync_seconds, made.port, made.times) == ((), 120.0, 8080, Times(30.0, 20.0, 5.0))


def test_what_a_deployment_says_is_heeded() -> None:
    """Blanks and empty parts of a list count for nothing."""
    made = Options.of(
        {
            **IMAGE,
            "POD_NAMESPACE": "system",
            "POD_NAME": "operator-1",
            "WEBHOOKCORE_WATCH_NAMESPACES": " shop, ,work,",
            "WEBHOOKCORE_RESYNC_SECONDS": "2.5",
            "WEBHOOKCORE_OPERATOR_PORT": "9000",
        }
    )
    assert made == Options("webhook-core:1", "system", "operator-1", ("shop", "work"), 2.5, 9000)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "WEBHOOKCORE_OPERATOR_IMAGE must name"),
        ({"WEBHOOKCORE_OPERATOR_IMAGE": "  "}, "WEBHOOKCORE_OPERATOR_IMAGE must name"),
        ({**IMAGE, "WEBHOOKCORE_RESYNC_SECONDS": "soon"}, "must be numbers: could not convert string to float: 'soon'"),
        ({**IMAGE, "WEBHOOKCORE_RESYNC_SECONDS": ""}, "must be numbers"),
        ({**IMAGE, "WEBHOOKCORE_RESYNC_SECONDS": "0.5"}, "WEBHOOKCORE_RESYNC_SECONDS must be 1 to 86400"),
        ({**IMAGE, "WEBHOOKCORE_RESYNC_SECONDS": "nan"}, "WEBHOOKCORE_RESYNC_SECONDS must be 1 to 86400"),
        ({**IMAGE, "WEBHOOKCORE_RESYNC_SECONDS": "inf"}, "WEBHOOKCORE_RESYNC_SECONDS must be 1 to 86400"),
        ({**IMAGE, "WEBHOOKCORE_OPERATOR_PORT": "80.5"}, "must be numbers"),
        ({**IMAGE, "WEBHOOKCORE_OPERATOR_PORT": "0"}, "WEBHOOKCORE_OPERATOR_PORT must be 1 to 65535"),
        ({**IMAGE, "WEBHOOKCORE_OPERATOR_PORT": "65536"}, "WEBHOOKCORE_OPERATOR_PORT must be 1 to 65535"),
    ],
)
def test_what_makes_no_sense_is_told(environ: dict[str, str], words: str) -> None:
    """With the variable's name."""
    with pytest.raises(MisconfiguredError, match=words):
        Options.of(environ)
