"""The ServiceAccounts. None of the pods speaks to the API server: no token is mounted."""

from webhookcore_operator.render.inputs import Inputs, Manifest, child


def service_account(inputs: Inputs, name: str, component: str) -> Manifest:
    """A ServiceAccount."""
    return child(inputs, "ServiceAccount", name, component, {"automountServiceAccountToken": False})
