// The input of the ways of keeping an audit, and the records they keep.
import type { ReplayAuditRecord } from "../../src/index.ts"
import * as Letters from "../Letters.ts"
import * as Subject from "./Subject.ts"

export interface RecordInput {
  /** The file to write. */
  readonly path: string
  readonly warmUp: number
  readonly records: number
  /** Each line is brought to disk before the next, or the file is left to the system. */
  readonly isSynced: boolean
}

export const { isSynced, path, records, warmUp } = Subject.input<RecordInput>()

/** Records made beforehand: what is measured is keeping them. */
export const make = (count: number): ReadonlyArray<ReplayAuditRecord> =>
  Array.from({ length: count }, (_, index) => ({
    action: "REPLAY_PUT",
    destination: "topic_pub_conversations",
    error_classification: null,
    event_id: Letters.eventId(index),
    idempotency_key: Letters.idempotencyKey(index),
    latency_ms: index % 50,
    run_id: "0190f3c1-7c3a-7e5b-9d2f-1b2c3d4e5f60",
    status: "SUCCESS",
    timestamp: "2024-05-11T09:15:22.103Z"
  }))
