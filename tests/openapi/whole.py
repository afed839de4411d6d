"""Holds against the document what schemathesis does not read by itself: event streams to their end, a call to a webhook.

    python whole.py <base URL> <token> <file with the body of a call> <job id> …

The jobs must be over. Prints the names of the events that it read; exit code 1 with what does not fit at the first.
"""

import json
import re
import sys

import jsonschema_rs
import schemathesis

base, token, call, *jobs = sys.argv[1:]
config = schemathesis.Config.from_dict({"max-stream-events": 1_000_000, "request-timeout": 30})
schema = schemathesis.openapi.from_url(f"{base}openapi.json", config=config)

seen = set()
for job in jobs:
    case = schema["/api/jobs/{id}/events"]["GET"].Case(path_parameters={"id": job})
    response = case.call_and_validate(headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200 and not response.stream_cut_short, response.status_code
    seen |= set(re.findall(r"^event: (\w+)$", response.text, re.MULTILINE))

components = schema.raw_schema["components"]
of_a_call = {"$ref": "#/components/schemas/WebhookCall", "components": components}
with open(call) as body:
    jsonschema_rs.validator_for(of_a_call, validate_formats=True).validate(json.load(body))

print(*sorted(seen))
