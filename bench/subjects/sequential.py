# The usual script: all letters in memory, one after the other, a new connection for each request, the monitoring
# webhook notified after each letter, the audit at the end.
import json
import os
import resource
import sys
import threading
import time

import requests

given = json.loads(sys.argv[1])
base = f"http://127.0.0.1:{given['port']}"


def call(method, path, headers, body=None):
    response = requests.request(method, base + path, headers=headers, data=body, timeout=10)
    response.raise_for_status()
    return response.json()


def to_json(value):
    return json.dumps(value, separators=(",", ":"))


def list_all(topic_id, authorization):
    letters = []
    token = ""
    while True:
        path = f"/api/v2/eventbridge/dlq/events?topicId={topic_id}&limit=50{token}"
        page = call("GET", path, {"authorization": authorization})
        letters.extend(page["events"])
        if "nextPageToken" not in page:
            return letters
        token = f"&nextPageToken={page['nextPageToken']}"


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


def replay(topic_id):
    granted = call("POST", "/oauth2/token", {}, {"grant_type": "client_credentials"})
    authorization = f"Bearer {granted['access_token']}"
    audit = []
    for letter in list_all(topic_id, authorization):
        started = time.monotonic()
        attempt = letter["retryCount"] + 1
        key = f"replay-{letter['eventId']}-v{attempt}"
        headers = {
            "accept": "application/json",
            "authorization": authorization,
            "x-genesys-client-name": "bench",
            "content-type": "application/json",
            "idempotency-key": key,
        }
        body = {
            "eventId": letter["eventId"],
            "idempotencyKey": key,
            "originalPayload": letter["payload"],
            "retryMatrix": {
                "currentAttempt": attempt,
                "maxAllowed": 5,
                "firstFailure": letter["firstFailureTimestamp"],
                "lastFailure": letter["lastFailureTimestamp"],
                "failureReason": letter["failureReason"],
            },
            "routingDirective": {"destinationOverride": None, "preserveOriginalTopic": True},
            "replayMetadata": {"initiatedAt": now(), "clientVersion": given["clientVersion"]},
        }
        receipt = call("PUT", f"/api/v2/eventbridge/topics/{topic_id}/events", headers, to_json(body))
        if receipt["eventId"] != letter["eventId"]:
            raise RuntimeError(f"{key} was not accepted")
        record = {
            "event_id": letter["eventId"],
            "action": "REPLAY_PUT",
            "status": "SUCCESS",
            "error_classification": None,
            "latency_ms": round((time.monotonic() - started) * 1000),
            "timestamp": now(),
            "idempotency_key": key,
            "destination": topic_id,
        }
        audit.append(record)
        told = {"source": "cxone-eventbridge-replayer", "type": "replay_status_update", "data": record}
        call("POST", "/monitoring", {"content-type": "application/json"}, to_json(told))
    with open(os.path.join(given["folder"], f"{topic_id}.json"), "w") as file:
        json.dump(audit, file, indent=2)


def end_when_left_alone():
    sys.stdin.read()
    os._exit(1)


# The bench holds the standard input of its subjects: without the bench they end.
threading.Thread(target=end_when_left_alone, daemon=True).start()

replay("warm-up")
cpu = time.process_time()
start = time.perf_counter()
replay("measured")
seconds = time.perf_counter() - start
found = {
    "events": given["letters"],
    "seconds": seconds,
    "cpuMicros": (time.process_time() - cpu) * 1e6,
    # Linux counts kilobytes.
    "peakRssBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "figures": {},
}
print(to_json(found), flush=True)
# Not by way of the thread, which still reads.
os._exit(0)
