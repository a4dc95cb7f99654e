#!/bin/sh
# Install Slurm from the distribution, and start none of its services.
set -eu

fail() {
    echo "*** Slurm is NOT tested: $1. ***" >&2
    exit 0
}

# Daemons are not on everyone's PATH.
PATH=$PATH:/usr/sbin:/sbin
command -v slurmctld > /dev/null && command -v slurmd > /dev/null && command -v munged > /dev/null && exit 0
[ "$(id -u)" = 0 ] || fail "only root can install it"
command -v apt-get > /dev/null || fail "it is not installed, and there is no apt-get"

policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends slurm-wlm munge; } > /dev/null \
    || fail "the packages slurm-wlm and munge cannot be installed"
