# ruff: noqa: E501, ISC004 - a table of errors
"""Reading a policy: all errors at once, nothing guessed."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotabots.adapters.sandbox.policy_file import DEVICES, PolicyError, decode
from lotabots.policy.project_kernel import KernelPolicy, Limits, Net

PATHS = st.lists(st.from_regex(r"\A/[a-z]{1,8}(/[a-z]{1,8}){0,2}\Z"), max_size=3).map(tuple)
COUNTS = st.integers(1, 2**40)
POLICIES = st.builds(
    KernelPolicy,
    name=st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=20),
    cwd=st.sampled_from(["/", "/tmp/x"]),  # noqa: S108 - only text
    read=PATHS,
    runtime=PATHS,
    write=PATHS,
    exec=PATHS,
    proc=st.sampled_from(["own", "none"]),
    dev=st.lists(st.sampled_from(DEVICES), unique=True).map(tuple),
    net=st.lists(st.sampled_from(["a.example:80", "[::1]:5", "10.0.0.1:65535"])).flatmap(
        lambda connect: st.builds(
            Net,
            connect=st.just(tuple(connect)),
            bind=st.lists(st.integers(1, 65_535)).map(tuple),
            via=st.dictionaries(
                st.sampled_from(connect) if connect else st.nothing(),
                st.sampled_from(["unix:/run/x.sock", "localhost:25"]),
            ),
        )
    ),
    env=st.dictionaries(
        st.from_regex(r"\A[A-Z_]{1,8}\Z"), st.text(st.characters(exclude_characters="\0"))
    ),
    limits=st.builds(
        Limits,
        memory_mb=COUNTS,
        processes=COUNTS,
        open_files=COUNTS,
        cpu_s=COUNTS,
        wall_s=COUNTS,
        output_bytes=COUNTS,
        disk_mb=COUNTS,
    ),
)


@given(POLICIES)
def test_what_is_written_is_read_back(policy: KernelPolicy) -> None:
    assert decode(json.dumps(policy.plain()).encode()) == policy


def test_the_least_policy_grants_nothing() -> None:
    policy = decode(b'{"version": 1}')
    assert policy == KernelPolicy(dev=())


@pytest.mark.parametrize(
    ("members", "errors"),
    [
        ({"reads": []}, ["unknown member `reads` of policy; known are version, name, cwd, read, "
                         "runtime, write, exec, proc, dev, net, env, limits"]),
        ({"version": 2}, ["`version` must be 1"]),
        ({"version": True}, ["`version` must be 1"]),
        ({"name": 3}, ["`name` must be text"]),
        ({"cwd": "here"}, ["`cwd` must be an absolute path"]),
        ({"read": "/x"}, ["`read` must be a list of paths"]),
        ({"read": ["x"]}, ["`read` holds `x`, which is not an absolute path without `..`"]),
        ({"write": ["/a/../b"]}, ["`write` holds `/a/../b`, which is not an absolute path without `..`"]),
        ({"exec": ["/a\0b"]}, ["`exec` holds `/a\0b`, which is not an absolute path without `..`"]),
        ({"proc": "host"}, ["`proc` must be `own` or `none`"]),
        ({"dev": ["sda"]}, ["`dev` holds `sda`; possible are null, zero, full, random, urandom"]),
        ({"net": {"connect": ["x"], "bind": [0]}},
         ["`net.connect` holds `x`, which is not host:port", "`net.bind` holds `0`, which is not a port"]),
        ({"net": {"connect": ["x:70000"]}}, ["`net.connect` holds `x:70000`, which is not host:port"]),
        ({"net": {"listen": []}}, ["unknown member `listen` of `net`; known are connect, bind, via"]),
        ({"net": {"via": ["a:1"]}}, ["`net.via` must be an object"]),
        ({"net": {"via": {"a:1": "unix:/x"}}},
         ["`net.via` names `a:1`, which is not granted; add it to `net.connect`, or leave it out"]),
        ({"net": {"connect": ["a:1", "b:1"], "via": {"a:1": "unix:x.sock", "b:1": 80}}},
         ["`net.via` leads `a:1` to `unix:x.sock`, which is neither host:port nor unix:/absolute/path",
          "`net.via` leads `b:1` to `80`, which is neither host:port nor unix:/absolute/path"]),
        ({"env": {"A B": "x", "C": 1}},
         ["`env` names `A B`, which is not a variable name", "`env.C` must be text"]),
        ({"limits": {"memory_mb": 0}}, ["`limits.memory_mb` must be a whole number of at least 1"]),
        ({"limits": {"wall_s": 1.5}}, ["`limits.wall_s` must be a whole number of at least 1"]),
        ({"limits": {"cpu_s": True}}, ["`limits.cpu_s` must be a whole number of at least 1"]),
        ({"limits": {"ram": 1}}, ["unknown member `ram` of `limits`; known are memory_mb, processes, "
                                  "open_files, cpu_s, wall_s, output_bytes, disk_mb"]),
        ({"read": None, "env": None, "net": None, "limits": None, "dev": None},
         ["`read` must be a list of paths", "`dev` must be a list of names", "`net` must be an object",
          "`env` must be an object", "`limits` must be an object"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(members: dict[str, Any], errors: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        decode(json.dumps({"version": 1, **members}).encode())
    assert list(caught.value.errors) == errors


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"[]", "a policy is a JSON object"),
        (b'{"version": 1, "version": 1}', "not a JSON document: `version` is given twice"),
        (b"\xff", "not a JSON document: 'utf-8' codec can't decode byte 0xff in position 0: "
                  "invalid start byte"),
    ],
)  # fmt: skip
def test_what_is_no_policy_at_all(data: bytes, error: str) -> None:
    with pytest.raises(PolicyError) as caught:
        decode(data)
    assert caught.value.errors == (error,)


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["version", "read", "net", "limits", "env", "dev", "connect"]), inner
    ),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_input_is_a_policy_or_a_policy_error(data: bytes) -> None:
    with contextlib.suppress(PolicyError):
        assert isinstance(decode(data), KernelPolicy)
