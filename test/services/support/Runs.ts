// Runs as a store holds them.
import type { RunCheckpoint } from "../../../src/index.ts"

export const checkpoint: RunCheckpoint = {
  version: 1,
  runId: "run/1 ü",
  options: {
    service: "https://api.nicecxone.com",
    topicId: "t",
    pageSize: 50,
    maxAttempts: 5,
    destination: null,
    failureReason: null,
    limit: null,
    orderBy: false,
    orderOnFailure: "hold"
  },
  initiatedAt: "2024-05-11T09:15:22.103Z",
  settledPages: 2,
  startedLetters: 4,
  heldKeys: [],
  pageToken: "eyJwYWdlIjoyfQ==",
  lastSettledAt: "2024-05-11T09:15:24.103Z",
  halted: null,
  tally: {
    outcomes: { accepted: 90, duplicate: 4, skipped: 3, rejected: 2, exhausted: 1 },
    selected: 100,
    unreadableReceipts: 1,
    byClassification: { DUPLICATE_DETECTED: 4, SCHEMA_VIOLATION: 2, MAX_RETRIES_EXCEEDED: 1 },
    bySkipReason: { PAYLOAD_MISSING: 3 },
    byFailureReason: { "HTTP 502 Bad Gateway": 99, ["__proto__"]: 1 },
    latencies: [
      [348, 60],
      [350, 37]
    ]
  },
  elapsedMillis: 1234.5,
  report: null
}

export const report = {
  runId: "run/1 ü",
  topicId: "t",
  status: "completed",
  initiatedAt: checkpoint.initiatedAt,
  letters: 100,
  success: 90,
  failed: 3,
  skipped: 7,
  outcomes: checkpoint.tally.outcomes,
  byClassification: checkpoint.tally.byClassification,
  bySkipReason: checkpoint.tally.bySkipReason,
  byFailureReason: { "HTTP 502 Bad Gateway": 100 },
  unreadableReceipts: 1,
  latencyMs: { p50: 100, p95: 101, p99: 102 },
  seconds: 1.2,
  notifications: { delivered: 97, failed: 0, dropped: 0 },
  auditHead: null,
  stopped: { pages: 2 }
} as const
