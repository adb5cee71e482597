"""What a bot says is bounded and masked, however it is cut into chunks."""

from __future__ import annotations

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from lotabots.adapters.executor.output import HEAD, TAIL, Lines, Log, Secrets

LIMIT = 10


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    chunks = []
    for size in sizes:
        chunks.append(data[:size])
        data = data[size:]
    return [*chunks, data]


@given(st.lists(st.text("abc", max_size=14)), st.lists(st.integers(0, 9)))
def test_lines_do_not_depend_on_how_the_stream_is_cut(texts: list[str], sizes: list[int]):
    data = "\n".join(texts).encode()
    lines = Lines(LIMIT)
    found = [line for chunk in cut(data, sizes) for line in lines.feed(chunk)]
    found += lines.end()
    expected = [text.encode()[: LIMIT + 1] for text in data.decode().split("\n")]
    assert found == (expected if expected[-1] else expected[:-1])


def test_an_endless_line_takes_no_memory():
    lines = Lines(LIMIT)
    for _ in range(1000):
        assert list(lines.feed(b"x" * 1000)) == []
    assert list(lines.feed(b"\nnext\n")) == [b"x" * (LIMIT + 1), b"next"]


def test_a_short_log_is_kept_whole():
    log = Log()
    log.feed(b"one\n")
    log.feed(b"two")
    assert log.text(Secrets({})) == b"one\ntwo"


def test_a_long_log_keeps_both_ends_and_says_what_is_missing():
    log = Log()
    lines = [b"%07d\n" % n for n in range(100_000)]
    for line in lines:
        log.feed(line)
    text = log.text(Secrets({}))
    head, _, tail = text.partition(b"\n[")
    assert head.startswith(b"0000000\n0000001\n")
    assert tail.endswith(b"0099999\n")
    assert len(text) < HEAD + TAIL + 1000
    left_out = int(tail.split(b" ")[0])
    kept = len(head) + 1 + len(tail.partition(b"]\n")[2])
    assert left_out + kept == sum(map(len, lines))


def test_a_secret_is_masked_in_every_usual_spelling():
    value = 'two\nlines "quoted" ä'
    secrets = Secrets({"KEY": value})
    spellings = [
        value,
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        base64.b64encode(value.encode()).decode(),
        'only lines "quoted" ä here',
    ]
    for text in spellings:
        masked = secrets.mask(text.encode()).decode()
        assert "<secret KEY>" in masked
        assert "quoted" not in masked


def test_half_a_secret_at_the_cut_is_left_out():
    log = Log()
    secret = "s3cret-" * 20
    log.feed(b"x" * (HEAD - 30) + b"\n" + secret.encode() + b"\n" + b"y\n" * TAIL)
    text = log.text(Secrets({"KEY": secret}))
    assert b"s3cret" not in text
