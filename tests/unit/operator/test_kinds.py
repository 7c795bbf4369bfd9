"""The paths of objects at the API server."""

import pytest

from webhookcore_operator import kinds
from webhookcore_operator.kinds import CONFIG, CONFIG_MAP, DEPLOYMENT, Kind, kind_of
from webhookcore_operator.render.names import API_VERSIONS


@pytest.mark.parametrize(
    ("kind", "place", "path"),
    [
        (CONFIG_MAP, (), "/api/v1/configmaps"),
        (CONFIG_MAP, ("shop",), "/api/v1/namespaces/shop/configmaps"),
        (CONFIG_MAP, ("shop", "a"), "/api/v1/namespaces/shop/configmaps/a"),
        (DEPLOYMENT, (), "/apis/apps/v1/deployments"),
        (DEPLOYMENT, ("shop", "a"), "/apis/apps/v1/namespaces/shop/deployments/a"),
        (
            CONFIG,
            ("shop", "a", "status"),
            "/apis/webhookcore.io/v1alpha1/namespaces/shop/webhookcoreconfigs/a/status",
        ),
    ],
)
def test_paths(kind: Kind, place: tuple[str, ...], path: str) -> None:
    """The core group's and the others', with and without a namespace, a name, a subresource."""
    assert kind.path(*place) == path


def test_every_kind_that_is_rendered_is_known() -> None:
    """By its name, in the version that it is rendered in."""
    known = {kind.name: kind.api_version for kind in (*kinds.CHILDREN, *kinds.MONITORING)}
    assert known == API_VERSIONS
    assert all(kind_of({"kind": name}).api_version == version for name, version in API_VERSIONS.items())
