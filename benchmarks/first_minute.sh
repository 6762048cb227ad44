#!/usr/bin/env bash
# What a newcomer waits for: from a fresh clone, an empty pip cache and the README's own command to
# the first delivered message of the quickstart. Prints where the time went, in seconds.
set -euo pipefail
source_tree="$(cd "$(dirname "$0")/.." && pwd)"

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export PIP_CACHE_DIR="$folder/cache" IPYTHONDIR="$folder/ipython" JUPYTER_CONFIG_DIR="$folder/jupyter"
unset ASTEROID_API_KEY ASTEROID_BASE_URL

began=$EPOCHREALTIME
lap() {
  local now=$EPOCHREALTIME
  awk -v what="$1" -v from="$began" -v to="$now" 'BEGIN { printf "%-42s %6.2f\n", what, to - from }'
  began=$EPOCHREALTIME
}

cd "$folder"
first=$EPOCHREALTIME
git clone --quiet "$source_tree" clone
cd clone
lap 'git clone, from this machine'
"${PYTHON:-python3}" -m venv "$folder/environment"
# shellcheck disable=SC1091
source "$folder/environment/bin/activate"
lap 'python -m venv'
pip install --quiet -e ".[demo]"
lap 'pip install -e ".[demo]", downloads included'
python benchmarks/first_send.py notebooks/quickstart.ipynb
began=$first
lap 'all, to the first delivered message'
