#!/bin/sh
# Compiles the dependencies that pyproject.toml names to requirements/*.txt: exact versions, the
# hashes of every published file of each (so that any platform's wheel will do), one file for all
# supported Pythons, and no address of any package index. Started by `make lock`.
#
#   sh scripts/lock.sh               keep the locked versions that still satisfy pyproject.toml
#   sh scripts/lock.sh --upgrade     take the newest versions (or --upgrade-package NAME)
set -eu

cd "$(dirname "$0")/.."
python=.venv/bin/python
uv=build/lock/bin/uv

if ! [ -x "$uv" ] || ! cmp -s requirements/lock.txt build/lock/requirements.txt; then
    rm -rf build/lock
    "$python" -m venv build/lock
    build/lock/bin/python -m pip install --quiet --require-hashes -r requirements/lock.txt
    cp requirements/lock.txt build/lock/requirements.txt
fi

# name: the file to write; the rest: what goes into it
compile() {
    name=$1
    shift
    printf 'lock   requirements/%s.txt\n' "$name"
    "$uv" pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-emit-build-options \
        --custom-compile-command 'make lock' \
        --output-file "requirements/$name.txt" "$@"
}

# The smaller sets are constrained by the larger one, so that a package has one version everywhere.
compile dev pyproject.toml --group dev "$@"
compile runtime pyproject.toml -c requirements/dev.txt "$@"
compile bench --group bench -c requirements/dev.txt "$@"
compile lock --group lock "$@"

# The tools of bots: never in our own environment, see docs/bot-authors.md.
for tools in requirements/toolbox-*.in; do
    compile "$(basename "$tools" .in)" "$tools" -c requirements/dev.txt "$@"
done

# What the tests give to the bots: projects that were not written here, and what they need.
compile tests-projects requirements/tests-projects.in --no-deps "$@"
compile tests-wheelhouse requirements/tests-wheelhouse.in -c requirements/dev.txt "$@"
