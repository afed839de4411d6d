"""What schemathesis cannot know from the document, so that what it takes to be valid is valid.

It must not change what the document calls invalid, nor judge an answer.
"""

import hashlib
import json

import schemathesis

# As in the document.
LONGEST_URL = 2048
LONGEST_KEY = 255

# In seconds.
LONGEST_WAIT = 1


@schemathesis.hook
def before_call(context, case, kwargs):
    """Sees every request before it is sent, whichever phase made it."""
    query = case.query or {}
    if is_wait(query.get("wait")):
        query["wait"] = min(int(query["wait"]), LONGEST_WAIT)
    if isinstance(case.body, dict):
        input_data = case.body.get("input_data")
        for holder, name in [(case.body, "webhook_url"), (input_data, "url")]:
            if isinstance(holder, dict) and is_web_address(holder.get(name)):
                holder[name] = reserved(holder[name])
        if isinstance(input_data, dict):
            put_in_order(input_data, "start_date", "end_date")
        if is_key((case.headers or {}).get("Idempotency-Key")):
            case.headers["Idempotency-Key"] = with_body(case.headers["Idempotency-Key"], case.body)


def is_wait(value):
    """Whether the server may hold its answer for so many seconds, which it must not do for so long here."""
    return str(value).isdecimal() and int(value) <= 60


def is_web_address(value):
    return isinstance(value, str) and value.startswith(("http://", "https://")) and len(value) <= LONGEST_URL


def reserved(address):
    """An address in its place: a pattern cannot say what a host is, and nothing answers under .test (RFC 6761)."""
    return f"https://{digest(address)[:16]}.test/"


def put_in_order(values, first, second):
    """A schema has no words for a day that must not be before another."""
    days = [values.get(first), values.get(second)]
    if all(isinstance(day, str) for day in days):
        values[first], values[second] = sorted(days)


def is_key(value):
    printable = isinstance(value, str) and value.isascii() and value.isprintable()
    return printable and 1 <= len(value) <= LONGEST_KEY and value == value.strip()


def with_body(key, body):
    """A key as long: the same for the same body alone, since a key that was used is refused with another one."""
    made = digest(key + json.dumps(body, sort_keys=True, default=str)) * (LONGEST_KEY // 64 + 1)
    return made[: max(32, len(key))]


def digest(text):
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
