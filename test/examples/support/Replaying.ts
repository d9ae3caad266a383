import { assert } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { AuditLine, ReplayAuditRecord } from "../../../src/index.ts"
import { type ForeignOptions, type ForeignServer, start as startServer } from "../../workflows/support/ForeignServer.ts"
import { letters, topicId } from "../../workflows/support/Harness.ts"
import { type Ended, lastLine } from "./Program.ts"

export const secret = "s3cr3t-Pa55w0rd&=%"

/** A service with so many letters, ten a page. */
export const foreign = (size: number, options: Partial<ForeignOptions> = {}) => {
  const all = letters(size).map((each) => JSON.stringify(each))
  const pages = Array.from({ length: Math.ceil(size / 10) }, (_, page) => all.slice(page * 10, page * 10 + 10))
  return startServer({ topicId, pages, clientId: "client-7", clientSecret: secret, ...options })
}

export const environment = ({ url }: ForeignServer) => ({
  CXONE_INSTANCE_URL: url,
  CXONE_CLIENT_ID: "client-7",
  CXONE_CLIENT_SECRET: secret,
  CXONE_TOPIC_ID: topicId
})

const Report = Schema.fromJsonString(
  Schema.Struct({
    runId: Schema.NonEmptyString,
    topicId: Schema.String,
    status: Schema.Literals(["completed", "halted"]),
    letters: Schema.Natural,
    success: Schema.Natural,
    failed: Schema.Natural,
    skipped: Schema.Natural,
    outcomes: Schema.Struct({
      accepted: Schema.Natural,
      duplicate: Schema.Natural,
      skipped: Schema.Natural,
      rejected: Schema.Natural,
      exhausted: Schema.Natural
    }),
    byClassification: Schema.Record(Schema.String, Schema.Natural),
    byFailureReason: Schema.Record(Schema.String, Schema.Natural),
    latencyMs: Schema.Struct({ p50: Schema.Finite, p95: Schema.Finite, p99: Schema.Finite }),
    seconds: Schema.Finite,
    auditHead: Schema.NullOr(Schema.String)
  })
)
export const reportOf = ({ stdout }: Ended) => Schema.decodeUnknownEffect(Report)(lastLine(stdout))

const decodeLine = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ ...AuditLine.fields, record: ReplayAuditRecord }))
)

/** Every line of an audit file that ends; one that is being written may not. */
export const auditOf = (state: string) => {
  const text = readFileSync(join(state, "audit.jsonl"), "utf8")
  return Effect.forEach(text.split("\n").slice(0, -1), (line) => Effect.map(decodeLine(line), ({ record }) => record))
}

export const assertNoSecret = (ended: Ended, server?: ForeignServer, files = "") => {
  const output = ended.stdout + ended.stderr + files
  assert.notInclude(output, secret)
  assert.notInclude(output, encodeURIComponent(secret))
  for (const token of server?.issued ?? []) assert.notInclude(output, token)
  assert.notInclude(output, "emulator-1-")
}

export const assertNoStackTrace = ({ stderr, stdout }: Ended) => {
  assert.notMatch(stderr + stdout, /^ +at /m)
  assert.notInclude(stderr + stdout, "node_modules")
}
