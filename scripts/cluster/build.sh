#!/usr/bin/env bash
# Builds what the tests' cluster needs, from Go modules and Debian packages alone, for a machine that reaches no image
# registry: the programs kind, kubectl, helm and helm3, the node image, a Python image for the project's own image, and an
# image registry for the tests that push to one and pull from it.
#
# Needs root, Debian, Go 1.21 or newer and the Docker engine of engine.sh. Everything is kept under
# ~/.cache/webhookcore-cluster; on two cores the first run takes about 20 minutes, later ones find it done.
#
#   build.sh            builds what is not there yet
#   build.sh --check    says nothing, and succeeds where all of it is there
#   build.sh --names    prints the folder of the programs, the node image, the Python image, the registry's image
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/webhookcore-cluster
version=$(awk '$1 == "k8s.io/kubernetes" {print $2}' "$here/go/kubernetes/go.mod")
node=webhookcore-cluster/node:$version
python=webhookcore-cluster/python:bookworm
registry=webhookcore-cluster/registry:bookworm
os=webhookcore-cluster/os:bookworm
work=$cache/work

say() { printf 'cluster: %s %s\n' "$(date +%T)" "$*" >&2; }
hash_of() { cat "$@" | sha256sum | cut -c1-16; }
programs_hash=$(hash_of "$here"/build.sh "$here"/go/*/go.mod "$here"/go/*/go.sum)
node_hash=$(hash_of "$here"/build.sh "$here"/os.sh "$here"/go/*/go.sum "$here"/node.Dockerfile "$here"/cni.conflist)
debian_hash=$(hash_of "$here"/os.sh)

made_for() { docker image inspect --format '{{index .Config.Labels "webhookcore.cluster"}}' "$1" 2>/dev/null || true; }
has_programs() { [ "$(cat "$cache/programs-built" 2>/dev/null)" = "$programs_hash" ]; }
has_node() { [ "$(made_for "$node")" = "$node_hash" ]; }
has_python() { [ "$(made_for "$python")" = "$debian_hash" ]; }
has_registry() { [ "$(made_for "$registry")" = "$debian_hash" ]; }
has_all() { has_programs && has_node && has_python && has_registry; }

# The modules name the same version of what they share, so that it is compiled once; nobody debugs the result, and there is
# memory enough for the compiler to collect little.
build() { # MODULE CGO ARGUMENTS: `go build` in go/MODULE, whose files stay as they are
    local module=$1 cgo=$2
    shift 2
    cp "$here/go/$module/go.mod" "$work/$module.mod"
    cp "$here/go/$module/go.sum" "$work/$module.sum"
    (cd "$here/go/$module" && GOGC=400 CGO_ENABLED=$cgo GOFLAGS="-buildvcs=false -mod=mod -modfile=$work/$module.mod" \
        go build -trimpath -gcflags=all=-dwarf=false "$@" 2> >(grep -v '^go: downloading' >&2))
}

build_programs() {
    local stamp=k8s.io/component-base/version helm3=helm.sh/helm/v3/pkg/chartutil minor
    minor=${version#v1.}
    minor=${minor%%.*}
    mkdir -p "$cache/bin" "$work/node/bin" "$work/node/cni" "$work/images"
    say "building kind, helm and helm3 (1 of 3, about 6 minutes)"
    build cluster 0 -ldflags="-s -w" -o "$cache/bin/" sigs.k8s.io/kind helm.sh/helm/v4/cmd/helm
    # Helm 3 has to be told which Kubernetes it speaks with where it finds no cluster; it takes itself for 1.20 otherwise.
    build cluster 0 -ldflags="-s -w -X $helm3.k8sVersionMajor=1 -X $helm3.k8sVersionMinor=$minor" -o "$cache/bin/helm3" \
        helm.sh/helm/v3/cmd/helm
    say "building etcd, CoreDNS, containerd, runc and the network's plugins (2 of 3, about 4 minutes)"
    build node 0 -ldflags="-s -w" -o "$work/images/etcd" go.etcd.io/etcd/server/v3
    build node 0 -ldflags="-s -w" -o "$work/images/coredns" github.com/coredns/coredns
    build node 0 -ldflags="-s -w" -tags "no_btrfs no_zfs no_devmapper" -o "$work/node/bin/" \
        github.com/containerd/containerd/v2/cmd/{containerd,ctr,containerd-shim-runc-v2}
    build node 1 -ldflags="-s -w" -tags seccomp -o "$work/node/bin/runc" github.com/opencontainers/runc
    build node 0 -ldflags="-s -w" -o "$work/node/cni/" \
        github.com/containernetworking/plugins/plugins/{ipam/host-local,main/loopback,main/bridge,meta/portmap}
    say "building Kubernetes $version (3 of 3, about 8 minutes)"
    build kubernetes 0 -ldflags="-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=$minor" \
        -o "$work/images/" \
        k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kube-proxy,kubeadm,kubelet,kubectl}
    cp "$work/images/kubectl" "$cache/bin/"
    printf 'int pause(void);int main(void){for(;;)pause();}' | gcc -static -O2 -x c -o "$work/images/pause" -
    printf %s "$programs_hash" >"$cache/programs-built"
}

build_image() { # ARGUMENTS: `docker build`, which says something only where it fails
    docker build "$@" >"$work/docker-build.log" 2>&1 || {
        tail -20 "$work/docker-build.log" >&2
        exit 1
    }
}

build_python() {
    say "making the Python image from Debian packages (1 of 4, beside the programs)"
    "$here/os.sh" "$python-bare" "$work/python-os" python3,python3-venv
    printf 'FROM %s\nCMD ["python3"]\n' "$python-bare" |
        build_image --tag "$python" --label "webhookcore.cluster=$debian_hash" -
}

build_registry() {
    say "making the image of an image registry from a Debian package (2 of 4, beside the programs)"
    "$here/os.sh" "$registry-bare" "$work/registry-os" docker-registry
    printf '%s\n' "FROM $registry-bare" 'ENTRYPOINT ["docker-registry"]' 'CMD ["serve", "/etc/docker/registry/config.yml"]' |
        build_image --tag "$registry" --label "webhookcore.cluster=$debian_hash" -
}

build_node_os() {
    say "making the node's system from Debian packages (3 of 4, beside the programs)"
    "$here/os.sh" "$os" "$work/node-os" "systemd,systemd-sysv,dbus,conntrack,iptables,nftables,iproute2,ethtool,\
util-linux,mount,kmod,libseccomp2,bash,ca-certificates,curl,jq,procps,hostname"
}

# What is made of Debian packages alone.
build_systems() {
    has_python || build_python
    has_registry || build_registry
    has_node || build_node_os
}

# The images that a control plane is made of, by the names that kubeadm and containerd know them.
control_plane_images() {
    "$work/images/kubeadm" config images list --kubernetes-version "$version" 2>/dev/null | grep -v /pause:
    sed -n 's/.*sandbox_image = "\(.*\)"/\1/p' "$work/node/kind/etc/containerd/config.toml"
}

build_node() {
    local name program images=() maker=webhookcore-cluster-node-$$
    say "making the node image of it and the programs (4 of 4, about 2 minutes)"
    rm -rf "$work/node/kind"
    cp -r "$(cd "$here/go/cluster" && GOFLAGS=-mod=mod go list -modfile="$work/cluster.mod" -m -f '{{.Dir}}' \
        sigs.k8s.io/kind)/images/base/files" "$work/node/kind"
    chmod -R u+w "$work/node/kind"
    # A container without CAP_SYS_RESOURCE may not ask for a lower score than its own.
    sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' "$work/node/kind/etc/containerd/config.toml"
    # With systemd's driver and cgroup v1, runc freezes a container while it makes it; on a busy machine it cannot, and the
    # container fails.
    sed -i 's/SystemdCgroup = true/SystemdCgroup = false/' "$work/node/kind/etc/containerd/config.toml"
    cp "$here/cni.conflist" "$here/node.Dockerfile" "$work/node/"
    build_image --tag "$node-bare" --build-arg "OS=$os" -f "$work/node/node.Dockerfile" "$work/node"

    while read -r name; do
        program=${name##*/}
        program=${program%%:*}
        case $program in
            kube-proxy) printf 'FROM %s\nCOPY kube-proxy /usr/local/bin/\n' "$os" ;;
            coredns | pause) printf 'FROM scratch\nCOPY %s /\nENTRYPOINT ["/%s"]\n' "$program" "$program" ;;
            *) printf 'FROM scratch\nENV PATH=/usr/local/bin\nCOPY %s /usr/local/bin/\n' "$program" ;;
        esac >"$work/images/Dockerfile"
        build_image --tag "$name" "$work/images"
        images+=("$name")
    done < <(control_plane_images)

    # shellcheck disable=SC2064 # the name of now
    trap "docker rm --force $maker >/dev/null 2>&1 || true" EXIT
    docker run --detach --name "$maker" --entrypoint sleep --security-opt seccomp=unconfined "$node-bare" infinity \
        >/dev/null
    for program in kubeadm kubelet kubectl; do
        docker cp "$work/images/$program" "$maker:/usr/bin/$program" >/dev/null
    done
    docker exec --detach --privileged "$maker" containerd
    for _ in $(seq 50); do
        docker exec "$maker" test -S /run/containerd/containerd.sock && break
        sleep 0.2
    done
    docker save "${images[@]}" | docker exec --interactive --privileged "$maker" ctr --namespace=k8s.io images import \
        --label=io.cri-containerd.pinned=pinned --all-platforms --no-unpack - >"$work/import.log" 2>&1 || {
        tail -20 "$work/import.log" >&2
        exit 1
    }
    docker exec "$maker" sh -c "printf %s $version > /kind/version; pkill containerd; sleep 1"
    docker commit --change 'ENTRYPOINT [ "/usr/local/bin/entrypoint", "/sbin/init" ]' \
        --change "LABEL webhookcore.cluster=$node_hash" "$maker" "$node" >/dev/null
}

# A function, so that all of it is read before any of it runs: the file may change within the minutes that this takes.
main() {
    case ${1:-} in
        --check) has_all && exit 0 || exit 1 ;;
        --names) printf '%s\n' "$cache/bin" "$node" "$python" "$registry" && exit 0 ;;
    esac
    has_all && exit 0

    command -v go >/dev/null || {
        say "Go 1.21 or newer is needed to build the cluster: https://go.dev/dl/"
        exit 1
    }
    started=$(date +%s)
    say "building what the cluster needs, once, into $cache"
    mkdir -p "$work"
    exec 9>"$cache/build.lock"
    flock 9 # another build's result is this one's too
    export DOCKER_BUILDKIT=0 # Debian's engine has no other builder
    missing=
    for package in debootstrap libseccomp-dev pkg-config gcc libc6-dev; do
        dpkg --status "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        apt-get update -qq
        # shellcheck disable=SC2086 # several words on purpose
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    fi
    # Unpacking packages waits for the disk, the compilers for a core.
    build_systems &
    local systems=$!
    has_programs || build_programs
    wait "$systems"
    has_node || build_node
    say "done after $((($(date +%s) - started) / 60)) min: kind, kubectl, helm and helm3 in $cache/bin, and $node"
}

main "$@"
