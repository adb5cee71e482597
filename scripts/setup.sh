#!/bin/sh
# Makes .venv ready for the recipes of the Makefile: picks a Python, installs the locked packages
# by hash, then this project in place. Says one line per step, and nothing when all is ready.
#
#   sh scripts/setup.sh [bench]      `bench` adds the packages that only benchmarks need
#
# Reads PYTHON (the interpreter to use; default: the newest tested one on the PATH) and VENV (the
# folder to fill; default .venv). Exit status: 0 ready, 2 a prerequisite is missing or a step failed.
#
# INVARIANT: .venv/.setup is written last, so a folder without it is an interrupted run: it is
# built again from nothing.
set -eu

cd "$(dirname "$0")/.."
root=$(pwd)
venv=${VENV:-.venv}
wanted=${PYTHON:-}
log=build/setup.log
packages=${XDG_CACHE_HOME:-${HOME:-}/.cache}/lotabots/packages

# Settings that would send pip's files elsewhere or let other packages be seen.
unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_CONSTRAINT
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore

main() {
    command -v git >/dev/null 2>&1 || stop 'git was not found' \
        'install git (Debian, Ubuntu: apt-get install git; Fedora: dnf install git)'
    if [ -n "$wanted" ]; then
        choose_python
    fi
    locked=$(checksum requirements/dev.txt)
    project=$(checksum pyproject.toml engine/lotabots/__init__.py)

    if ! environment_is_ready; then
        [ -n "$wanted" ] || choose_python
        build_environment
    fi
    if ! [ "$project" = "$(cat "$venv/.setup-project" 2>/dev/null)" ]; then
        step 'installing lotabots in place' install_project
        echo "$project" >"$venv/.setup-project"
    fi
    if [ "${1:-}" = bench ]; then
        add_bench_packages
    fi
}

# ----------------------------------------------------------------------------- choosing a Python

# Sets version and interpreter, or stops. Newer Pythons than the tested ones come last.
choose_python() {
    if [ -n "$wanted" ]; then
        set -- "$wanted"
    else
        set -- python3.13 python3.12 python3.11 python3.14 python3 python
    fi
    for candidate in "$@"; do
        found=$("$candidate" -c "$probe" 2>/dev/null) || continue
        state=$(echo "$found" | cut -d '|' -f 1)
        version=$(echo "$found" | cut -d '|' -f 2)
        interpreter=$(echo "$found" | cut -d '|' -f 3)
        [ "$state" = ready ] && return
        # The first one that starts is the newest, so it is the one to speak of.
        : "${unfit:=$found}"
    done
    explain_missing_python "${unfit:-}"
}

# Runs on any Python, 2.7 included. `_base_executable`: an active virtual environment may be the
# very folder that is about to be built again, so what counts is the interpreter under it.
probe='
import os
import sys
state = "ready"
if sys.version_info < (3, 11):
    state = "old"
elif sys.implementation.name != "cpython":
    state = "other"
else:
    try:
        import ensurepip, venv
    except ImportError:
        state = "bare"
version = "%d.%d.%d" % sys.version_info[:3]
executable = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
print("%s|%s|%s" % (state, version, executable))
'

explain_missing_python() { # what the probe said of the first interpreter that started, if any did
    other='or name another: make test PYTHON=/path/to/python3.12'
    where=$(echo "$1" | cut -d '|' -f 3)
    has=$(echo "$1" | cut -d '|' -f 2)
    case $1 in
        bare*)
            stop "$where (Python $has) has no venv module" \
                "install it (Debian, Ubuntu: apt-get install python${has%.*}-venv), $other" ;;
        other*)
            stop "$where is not CPython" "install CPython 3.11 or newer, $other" ;;
        old*)
            stop "$where is Python $has, and LotaBots needs 3.11 or newer" \
                "install a newer one, $other" ;;
        *)
            stop "${wanted:-python3} was not found, or does not start" \
                "install Python 3.11 or newer (Debian, Ubuntu: apt-get install python3 python3-venv), $other" ;;
    esac
}

# ------------------------------------------------------------------------------ the environment

# Whether .venv was finished with this lock, here (its programs hold its path), and still starts.
environment_is_ready() {
    [ -f "$venv/.setup" ] || return 1
    now=$("$venv/bin/python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) \
        || return 1
    {
        IFS= read -r built_version
        IFS= read -r built_interpreter
        IFS= read -r built_locked
        IFS= read -r built_root
    } <"$venv/.setup" || return 1
    [ "$now" = "$built_version" ] && [ "$locked" = "$built_locked" ] \
        && [ "$root" = "$built_root" ] && [ "${interpreter:-$built_interpreter}" = "$built_interpreter" ]
}

build_environment() {
    if ! [ -w . ] || { [ -e "$venv" ] && ! [ -w "$venv" ]; }; then
        stop "$root/$venv cannot be written by $(id -un)" \
            "run make as the owner of this folder, or remove $venv as whoever made it"
    fi
    printf 'setup  python %s (%s)\n' "$version" "$interpreter"
    rm -rf "$venv"
    step "creating $venv" "$interpreter" -m venv "$venv"
    step 'installing the locked packages' \
        install_locked requirements/dev.txt
    step 'installing lotabots in place' install_project
    echo "$project" >"$venv/.setup-project"
    printf '%s\n' "$version" "$interpreter" "$locked" "$root" >"$venv/.setup"
}

# pip asks the index even about what its cache holds, so the packages are kept in a folder of our
# own as well: with it, the next clone or rebuild needs no network. Hashes are compared each time.
install_locked() {
    mkdir -p "$packages" 2>/dev/null && [ -w "$packages" ] || packages=build/packages
    install_kept "$1" && return
    "$venv/bin/python" -m pip download --require-hashes --dest "$packages" -r "$1" || return
    # The second way is for platforms where a package must be compiled, which may need the index.
    install_kept "$1" || "$venv/bin/python" -m pip install --require-hashes -r "$1"
}

install_kept() {
    "$venv/bin/python" -m pip install --require-hashes --no-index --find-links "$packages" -r "$1"
}

# Everything that the build needs is in the lock, so pip must not fetch anything on its own.
# Compiled now: an installation in place is not, and where Python may not write byte code every
# command would compile the engine again.
install_project() {
    "$venv/bin/python" -m pip install --no-deps --no-build-isolation --editable . &&
        "$venv/bin/python" -m compileall -q engine
}

add_bench_packages() {
    locked=$(checksum requirements/bench.txt)
    [ "$locked" = "$(cat "$venv/.setup-bench" 2>/dev/null)" ] && return
    step 'installing the packages of the benchmarks' install_locked requirements/bench.txt
    echo "$locked" >"$venv/.setup-bench"
}

checksum() {
    cat "$@" | cksum
}

# ------------------------------------------------------------------------------------- speaking

# What happens, then the command. A failing command shows the end of its log and the likely cure.
step() {
    printf 'setup  %s ... ' "$1"
    shift
    mkdir -p build
    started=$(date +%s)
    if "$@" >"$log" 2>&1; then
        echo "$(($(date +%s) - started)) s"
        return
    fi
    echo failed
    tail -n 30 "$log" | sed 's/^/    /' >&2
    stop "the step above failed (its log is kept in $log)" "$(cure)"
}

cure() {
    if grep -q 'DO NOT MATCH THE HASHES' "$log"; then
        echo 'the package index served a file that is not the locked one; see which index pip uses: pip config list'
    elif grep -q 'No space left on device' "$log"; then
        echo 'free some disk space (about 200 MB) and run the command again'
    elif grep -qE 'Failed building wheel|subprocess-exited-with-error|metadata-generation-failed' "$log"; then
        echo 'a package has no ready-made wheel for this platform; use CPython 3.11 to 3.13, or install a C compiler, Rust and the Python headers'
    elif grep -qE 'Connection|timed out|No matching distribution|Name or service not known' "$log"; then
        echo 'pip could not fetch a package; check the network, the proxy and pip config list, then run the command again'
    else
        echo 'read the last lines of the log above, then run the command again'
    fi
}

stop() {
    printf 'setup  stopped: %s\n       cure: %s\n' "$1" "$2" >&2
    exit 2
}

main "$@"
