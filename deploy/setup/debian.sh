#!/bin/bash
# Makes sure that the tools named by its arguments are there, and installs the
# Debian packages of those that are not. Instant when nothing is missing.
#
#   deploy/setup/debian.sh gcc strace mount
set -euo pipefail

# The package that brings a command.
package_of() {
	case $1 in
	gcc | g++ | cc) echo build-essential ;;
	mount | unshare) echo util-linux ;;
	git | strace | chromium) echo "$1" ;;
	soffice) echo libreoffice-calc-nogui ;;
	python3) echo python3-venv ;;
	*)
		echo "setup: no package is known for the command $1" >&2
		return 1
		;;
	esac
}

# Go comes from its own site, not from Debian: releases there are years behind.
check_go() {
	local want=1.26 have
	if ! command -v go >/dev/null; then
		echo "setup: no Go here. Install Go $want or newer (https://go.dev/dl) and put it on the PATH" >&2
		return 1
	fi
	have=$(go env GOVERSION | grep -oE '[0-9]+\.[0-9]+' | head -1)
	if [ "$(printf '%s\n' "$want" "$have" | sort -V | head -1)" != "$want" ]; then
		echo "setup: this is Go $have; Footfall needs $want or newer (https://go.dev/dl)" >&2
		return 1
	fi
}

check_go
missing=()
if [[ " $* " == *" python3 "* ]] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
	missing+=(python3-venv)
fi
for tool in "$@"; do
	if ! command -v "$tool" >/dev/null; then
		package=$(package_of "$tool")
		missing+=("$package")
	fi
done
if [ ${#missing[@]} -eq 0 ]; then
	exit 0
fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
if ! command -v apt-get >/dev/null; then
	echo "setup: this is no Debian; install what brings these commands: $*" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "setup: missing packages: ${missing[*]}. Install them as root: apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 1
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${missing[@]}"
