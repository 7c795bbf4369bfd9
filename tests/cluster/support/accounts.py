"""Accounts that may do what a test says, to act as."""

from collections.abc import Sequence
from typing import Any

from tests.cluster.support.kubectl import Kubectl

Rule = dict[str, Sequence[str]]
LOOK_ON: Rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}


def made(kubectl: Kubectl, name: str) -> str:
    """A service account without rights; its token."""
    kubectl("create", "serviceaccount", name)
    return token(kubectl, name)


def token(kubectl: Kubectl, name: str) -> str:
    """Of a service account that is there."""
    return kubectl("create", "token", name).out.strip()


def allow(kubectl: Kubectl, account: str, *rules: Rule) -> None:
    """The account may do this in its namespace, and nothing else there. The API server follows within moments."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": kubectl.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account}
    binding = _rbac("RoleBinding", account, subjects=[subject], roleRef=reference)
    kubectl.apply(_rbac("Role", account, rules=rules), binding)


def _rbac(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}, **more}
