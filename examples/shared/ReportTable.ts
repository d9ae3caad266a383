// A report for people: names on the left, figures on the right.
import { Duration } from "effect"
import type { ReplayPlan, ReplayReport } from "../../src/index.ts"

type Row = readonly [name: string, value: string]

const integer = new Intl.NumberFormat("en")
export const count = (value: number): string => integer.format(value)

const byName = (counts: Readonly<Record<string, number>>): ReadonlyArray<Row> =>
  Object.entries(counts)
    .toSorted(([, left], [, right]) => right - left)
    .map(([name, value]) => [`  ${printable(name)}`, count(value)])

/** Names come from the service and from whoever starts a run; nothing in them may reach the terminal as a command. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]+/gu, " ")

export const printableLines = (text: string): string => text.split("\n").map(printable).join("\n")

const section = (title: string, counts: Readonly<Record<string, number>>): ReadonlyArray<Row> =>
  Object.keys(counts).length === 0 ? [] : [[title, ""], ...byName(counts)]

const table = (rows: ReadonlyArray<Row>): string => {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd()).join("\n")
}

export const ofReport = (report: ReplayReport, serviceName: string): string => {
  const { latencyMs, notifications, outcomes, stopped } = report
  const told = notifications.delivered + notifications.failed + notifications.dropped
  return table([
    ["run", printable(report.runId)],
    ["service", serviceName],
    ["topic", printable(report.topicId)],
    ["status", report.status],
    ["letters read", count(report.letters)],
    ["  delivered", count(report.success)],
    ["  failed", count(report.failed)],
    ["  skipped", count(report.skipped)],
    ["outcomes", ""],
    ...byName(outcomes),
    ...section("failures and duplicates", report.byClassification),
    ...section("not sent because", report.bySkipReason),
    ...section("why they were dead letters", report.byFailureReason),
    ...(report.unreadableReceipts === 0
      ? []
      : [["delivered, receipt unreadable", count(report.unreadableReceipts)] satisfies Row]),
    ["latency p50, p95, p99", `${latencyMs.p50}, ${latencyMs.p95}, ${latencyMs.p99} ms`],
    ["time", Duration.format(Duration.millis(Math.round(report.seconds * 1000)))],
    ...(told === 0
      ? []
      : [
          [
            "monitoring webhook",
            `${count(notifications.delivered)} delivered, ${count(notifications.failed)} failed, ${count(notifications.dropped)} dropped`
          ] satisfies Row
        ]),
    ["pages settled", count(stopped.pages)],
    ...(report.auditHead === null ? [] : [["audit head", report.auditHead] satisfies Row]),
    ...(stopped.why === undefined ? [] : [["stopped because", printable(stopped.why)] satisfies Row])
  ])
}

export const ofPlan = (plan: ReplayPlan, serviceName: string): string =>
  table([
    ["service", serviceName],
    ["topic", printable(plan.topicId)],
    ["letters read", count(plan.letters)],
    ["  would be sent", count(plan.toSend)],
    ["  would be skipped", count(plan.toSkip)],
    ...section("not sent because", plan.bySkipReason),
    ...section("why they are dead letters", plan.byFailureReason),
    ["payload bytes", count(plan.payloadBytes)],
    ["pages", count(plan.pages)],
    ["nothing was sent", "this was a dry run"]
  ])
