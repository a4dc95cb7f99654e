#!/bin/sh
# Install what a test needs from the distribution, and start no service:
#   install.sh WHAT "COMMANDS" "PACKAGES"
# Where it cannot, it says that WHAT is not tested.
set -eu

what=$1 commands=$2 packages=$3

fail() {
    echo "*** $what is NOT tested: $1. ***" >&2
    exit 0
}

missing() {
    for command in $commands; do
        command -v "$command" > /dev/null || return 0
    done
    return 1
}

# Daemons are not on everyone's PATH.
PATH=$PATH:/usr/sbin:/sbin
missing || exit 0
[ "$(id -u)" = 0 ] || fail "only root can install it"
command -v apt-get > /dev/null || fail "it is not installed, and there is no apt-get"

policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
# Names of packages, apart.
# shellcheck disable=SC2086
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; } > /dev/null \
    || fail "these packages cannot be installed: $packages"
