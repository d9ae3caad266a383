import { assert, it } from "@effect/vitest"
import { summarize } from "../../src/domain/RunSummary.ts"
import { checkpoint, report } from "../services/support/Runs.ts"

const holder = { host: "h", pid: 1, since: "2024-05-11T09:15:22.103Z" }
const halted = { ...checkpoint, halted: "it was asked to stop" }

it.each([
  ["cut-off", checkpoint, null, null],
  ["running", checkpoint, holder, null],
  ["halted", halted, null, "it was asked to stop"],
  // Resumed, and nothing is kept of that yet.
  ["running", halted, holder, null],
  ["completed", { ...checkpoint, report }, null, null],
  // Its report is kept; the process has yet to give it back.
  ["completed", { ...halted, report }, holder, null]
] as const)("a run is %s: %#", (state, kept, by, why) => {
  const summary = summarize(kept, by)
  assert.deepInclude(summary, { state, why, holder: state === "running" ? holder : null })
  assert.deepInclude(summary, { letters: 100, success: 90, failed: 3, skipped: 7, topicId: "t" })
})
