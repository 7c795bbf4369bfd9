#!/bin/sh
# Renders the chart into one file for `kubectl apply`, where nobody uses Helm. NAMESPACE names the operator's namespace,
# HELM the program; further arguments are Helm's: --set image.repository=..., --values my-values.yaml.
set -eu
cd "$(dirname "$0")/.."
namespace=${NAMESPACE:-webhook-core}
file=build/manifests.yaml

helm=${HELM:-helm}
if ! command -v "$helm" >/dev/null && scripts/cluster/build.sh --check 2>/dev/null; then
    helm=$(scripts/cluster/build.sh --names | head -n 1)/helm
fi
if ! command -v "$helm" >/dev/null; then
    echo "manifests: there is no $helm. Install it (https://helm.sh/docs/intro/install/), or name it: HELM=/path/to/helm" >&2
    exit 1
fi

mkdir -p build
{
    printf 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n  labels:\n' "$namespace"
    printf '    pod-security.kubernetes.io/enforce: restricted\n'
    # Hooks are Helm's: its test, and what applies config.create.
    "$helm" template webhook-core charts/webhook-core --namespace "$namespace" --no-hooks "$@"
} >"$file.new"
mv "$file.new" "$file"
echo "$file is made. Next: kubectl apply --server-side --filename $file"
