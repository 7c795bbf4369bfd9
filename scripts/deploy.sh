#!/usr/bin/env bash
# Brings all of Webhook Core into the cluster of kubectl's current context: the image, the operator by its chart, a
# WebhookCoreConfig with its migration; checks it there (tests/deployed), and says where things are. Once more, and it is
# an upgrade. Further arguments are Helm's: --set operator.replicas=1, --values my-values.yaml.
#
#   NAMESPACE  where it goes (webhook-core)
#   RELEASE    the chart's release (webhook-core)
#   CONFIG     a file or folder with your WebhookCoreConfig and what goes with it; without: examples/kubernetes beside a
#              Postgres for trials; none: the operator alone
#   IMAGE      an image that the cluster can pull; without: it is built, and loaded into a kind cluster, or pushed to
#   REGISTRY   such as registry.example.com/team
#   CONTEXT    another context than the current one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
namespace=${NAMESPACE:-webhook-core}
release=${RELEASE:-webhook-core}
config=${CONFIG:-}
examples=examples/kubernetes
steps=5
step=0
begun=$SECONDS
log=$(mktemp)
trap 'rm -f "$log"' EXIT

next() {
    step=$((step + 1))
    printf '%d/%d  %s\n' "$step" "$steps" "$*"
}
say() { printf '     %s\n' "$*"; }
fail() {
    printf 'deploy: %s\n' "$@" >&2
    exit 1
}

# The programs: those on PATH, else those that CLUSTER=build has built.
if scripts/cluster/build.sh --check 2>/dev/null; then
    read -r -d '' programs _ base _ < <(scripts/cluster/build.sh --names && printf '\0') || true
    PATH=$PATH:$programs
    BASE_IMAGE=${BASE_IMAGE:-$base}
    export BASE_IMAGE
fi
for program in kubectl helm; do
    command -v "$program" >/dev/null || fail "there is no $program on PATH" \
        "Install it: https://kubernetes.io/docs/tasks/tools, https://helm.sh/docs/intro/install"
done
context=${CONTEXT:-$(kubectl config current-context 2>/dev/null || true)}
[ -n "$context" ] || fail "kubectl has no current context: it does not know which cluster" \
    "Choose one: kubectl config use-context NAME. Or make one to try things: make cluster"
k() { kubectl --context "$context" "$@"; }
kn() { k --namespace "$namespace" "$@"; }
k get --raw /readyz >/dev/null 2>&1 || fail "the cluster of the context $context does not answer: kubectl --context $context get nodes"
if [ "$config" = none ]; then
    steps=3
elif [ -n "$config" ] && [ ! -e "$config" ]; then
    fail "there is no file $config (CONFIG)"
fi

# Its name holds the image's id: a tag that changed its meaning would not be pulled again.
built() {
    command -v docker >/dev/null || fail "there is no docker to build the image with; name one that the cluster can pull: IMAGE=..."
    IMAGE=webhook-core:built sh scripts/image.sh
    local id version
    id=$(docker image inspect --format '{{.Id}}' webhook-core:built)
    version=$(.venv/bin/python -c 'import webhookcore; print(webhookcore.__version__)')
    image=${REGISTRY:+${REGISTRY%/}/}webhook-core:$version-$(printf %s "${id#sha256:}" | cut -c 1-12)
    docker tag webhook-core:built "$image"
}

# What reads a program's lines reads them all: the program would fail, where it still writes and nobody reads.
kind_cluster() {
    local name=${context#kind-}
    [ "$name" != "$context" ] && command -v kind >/dev/null && kind get clusters --quiet | grep -xF "$name"
}

next "image"
if [ -n "${IMAGE:-}" ]; then
    image=$IMAGE
elif [ -n "${REGISTRY:-}" ]; then
    built
    say "pushing $image"
    docker push --quiet "$image" >/dev/null
elif kind=$(kind_cluster); then
    built
    say "loading it into $kind"
    kind load docker-image --quiet "$image" --name "$kind"
else
    fail "the cluster of $context is no kind cluster of this machine: where is it to get the image from?" \
        "Push it to a registry that it can pull from: REGISTRY=registry.example.com/team make deploy" \
        "Or name an image that is there already:      IMAGE=registry.example.com/webhook-core:1.2.3 make deploy"
fi
say "$image"

next "operator, into the namespace $namespace of $context"
if ! k get namespace "$namespace" >/dev/null 2>&1; then
    k create namespace "$namespace" >/dev/null
    k label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted >/dev/null
fi
case $image in
*@*) values=(--set "image.repository=${image%@*}" --set "image.digest=${image#*@}") ;;
*) values=(--set "image.repository=${image%:*}" --set-string "image.tag=${image##*:}") ;;
esac
[ -n "$config" ] || values+=(--set embeddedPostgres.enabled=true)
helm upgrade --install "$release" charts/webhook-core --kube-context "$context" --namespace "$namespace" \
    "${values[@]}" "$@" --wait --timeout 300s >"$log" 2>&1 || {
    cat "$log" >&2
    kn get pods >&2
    fail "helm did not install it"
}
say "the release $release, revision $(helm get metadata "$release" --kube-context "$context" --namespace "$namespace" -o json | sed 's/.*"revision":\([0-9]*\).*/\1/')"

resource=""
if [ "$config" != none ]; then
    next "resource"
    if [ -n "$config" ]; then
        kn apply -f "$config" | sed 's/^/     /'
    else
        for file in secrets example-services webhookcoreconfig; do
            # Secrets that are there may have been given other values.
            if [ "$file" != secrets ] || ! kn get secret whatsapp >/dev/null 2>&1; then
                sed "s#image: webhook-core:[^ ]*#image: $image#" "$examples/$file.yaml" | kn apply -f - | sed 's/^/     /'
            fi
        done
    fi
    resource=$(kn get webhookcoreconfigs -o name | sed -n 1p)
    [ -n "$resource" ] || fail "there is no WebhookCoreConfig in the namespace $namespace: is one in $config?"
fi
name=${resource##*/}

# The spec's generation, the one that the operator has looked at, the image of the spec, the one that runs; and a line for
# each condition.
stands() {
    kn get "$resource" -o 'jsonpath={.metadata.generation}|{.status.observedGeneration}|{.spec.image.repository}|{.status.image}{"\n"}{range .status.conditions[*]}{.type}|{.status}|{.reason}|{.message}{"\n"}{end}'
}

# Waits until the present spec is what runs, and shows what the resource says meanwhile, each thing once.
await() {
    local give_up=$((SECONDS + 420)) shown="" good generation seen own now type status reason message
    while [ "$SECONDS" -lt "$give_up" ]; do
        good=""
        while IFS='|' read -r type status reason message; do
            case $type in
            [0-9]*) # of the spec or the image of before
                generation=$type seen=$status own=$reason now=$message
                [ "$generation" = "$seen" ] || break
                [ -n "$own" ] || [ -z "$now" ] || [ "$now" = "$image" ] || break
                continue
                ;;
            SpecApplied | Ready) [ "$status" != True ] || good="$good$type " ;;
            DatabaseMigrated) ;;
            DependenciesResolved) [ "$status" = False ] || continue ;;
            *) continue ;;
            esac
            case $shown in
            *"$type $reason $message"*) ;;
            *)
                say "$type: $reason: $message"
                shown="$shown$type $reason $message;"
                ;;
            esac
        done < <(stands 2>/dev/null)
        case $good in *Ready*SpecApplied* | *SpecApplied*Ready*) return ;; esac
        sleep 1
    done
    kn get pods >&2
    fail "$resource is not what runs after 7 minutes." \
        "Look: kubectl --context $context --namespace $namespace describe $resource"
}

if [ -n "$resource" ]; then
    next "migration and rollout"
    await
fi

next "tests against what is there now"
helm test "$release" --kube-context "$context" --namespace "$namespace" >"$log" 2>&1 || {
    cat "$log" >&2
    fail "helm test failed"
}
say "helm test: passed"
if [ -n "$resource" ]; then
    DEPLOYED_CONTEXT=$context DEPLOYED_NAMESPACE=$namespace DEPLOYED_RESOURCE=$name DEPLOYED_EXAMPLES=${config:-yes} \
        .venv/bin/pytest --quiet --no-header -p no:cacheprovider tests/deployed | sed 's/^/     /'
fi

show() { printf '  %-18s%s\n' "$1" "$2"; }
on="kubectl --context $context --namespace $namespace"
printf '\nWebhook Core is in %s, namespace %s (%d s).\n\n' "$context" "$namespace" "$((SECONDS - begun))"
if [ -n "$resource" ]; then
    show "WhatsApp webhook" "$(kn get "$resource" -o 'jsonpath={.status.endpoint}') (for Meta: an Ingress to the Service $name-router)"
    show "from here" "$on port-forward service/$name-router 8080:80"
    show "how it stands" "$on get wcc --output wide"
    show "routers' log" "$on logs --selector app.kubernetes.io/component=router --follow --prefix"
    [ -n "$config" ] || show "what arrives" "$on logs deployment/example-services --follow"
    show "jobs" "$on get cronjobs,jobs"
    show "retry now" "$on create job --from=cronjob/dlq-processor retry-now"
else
    show "next" "$on apply --filename your-webhookcoreconfig.yaml"
fi
show "operator's log" "$on logs --selector app.kubernetes.io/component=operator,app.kubernetes.io/instance=$release --follow --prefix"
show "to take it away" "helm uninstall $release --kube-context $context --namespace $namespace; kubectl --context $context delete namespace $namespace"
