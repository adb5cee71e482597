"""Leaves: every record has one, small enough for a bundle, with the hash of its very bytes."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from lotabots.audit.record import leaf, sequence_of
from lotabots.audit.tiles import MAX_ENTRY
from transparency import NOW


def of(body: bytes) -> bytes:
    return leaf(7, NOW, subject="lb.dec.x", origin="LB_DECISIONS", body=body)


def test_a_leaf_is_canonical_json_with_the_record_and_its_hash():
    body = b'{ "b": 1.50, "a": [true, null] }'
    assert of(body).decode() == (
        '{"at":"2026-03-01T12:00:00+00:00","origin":"LB_DECISIONS",'
        '"record":{"a":[true,null],"b":1.50},"seq":7,'
        f'"sha256":"{sha256(body).hexdigest()}","subject":"lb.dec.x"}}'
    )


@pytest.mark.parametrize("number", ["0.1000000000000000055511", "1E+400", "123456789012345678901"])
def test_numbers_keep_all_their_digits(number: str):
    assert f'"record":{number},' in of(number.encode()).decode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b'"\\ud800"',
        b"NaN",
        b"1e99999999999999999999",
        b"1" * 5000,
        b"[" * 20_000 + b"]" * 20_000,
        b"[" * 33 + b"]" * 33,
    ],
)
def test_what_is_not_json_of_ours_has_a_leaf_without_it(body: bytes):
    entry = json.loads(of(body))
    assert (entry["record"], entry["sha256"]) == (None, sha256(body).hexdigest())
    assert sequence_of(of(body)) == 7


def test_a_record_that_is_too_long_is_named_by_its_hash():
    body = json.dumps("x" * MAX_ENTRY).encode()
    entry = json.loads(of(body))
    assert "record" not in entry
    assert entry["sha256"] == sha256(body).hexdigest()


def test_a_record_that_grows_when_written_again_is_named_by_its_hash():
    body = b'"' + b"\x7f\xc2\x80" * 10 + b"a" * 64_000 + b'"'
    grown = leaf(7, NOW, subject="s" * 1500, origin="o", body=body)
    assert len(grown) <= MAX_ENTRY
    assert "record" not in json.loads(grown)


@pytest.mark.parametrize(
    "entry", [b"", b"[]", b"{}", b'{"seq":true}', b'{"seq":1.0}', b'{"seq":"1"}', b"[" * 3000]
)
def test_an_entry_that_is_not_ours_has_no_sequence(entry: bytes):
    assert sequence_of(entry) == -1
