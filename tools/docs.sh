#!/usr/bin/env bash
# make docs: what is generated from the code, so that it cannot be out of date.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/venv.sh
mkdir -p docs/_build
.venv/bin/oslo-config-generator --config-file tools/config-generator.conf
.venv/bin/oslopolicy-sample-generator --namespace magnum --output-file docs/_build/policy.yaml.sample
.venv/bin/reno --quiet report --no-show-source --output docs/_build/release-notes.rst .
ls -1 docs/_build
