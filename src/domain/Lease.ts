import { Schema } from "effect"

/** Who holds something that one process uses at a time. */
export const LeaseHolder = Schema.Struct({
  host: Schema.String,
  /** 0 where it is not known. */
  pid: Schema.Int,
  /** ISO 8601. */
  since: Schema.String
})
export type LeaseHolder = typeof LeaseHolder.Type

/** In words. An unknown holder may be this process: it usually is, when a second run is started under the same id. */
export const describeHolder = ({ host, pid, since }: LeaseHolder): string =>
  pid === 0 ? `this or another process, since ${since}` : `process ${pid} on ${host.split(" ")[0]}, since ${since}`

/** What to do about a holder, wherever it is. */
export const waitForHolder =
  "Wait until it is done, or stop that process. If it has died, its lease is free at once on its own machine, and after half a minute on another one or after a reboot."

/** Another process uses it. */
export class LeaseHeld extends Schema.TaggedError<LeaseHeld>()("LeaseHeld", {
  /** What is held. */
  resource: Schema.String,
  holder: LeaseHolder
}) {
  readonly hint = waitForHolder
  override get message(): string {
    return `${this.resource} is in use by ${describeHolder(this.holder)}`
  }
}

/** It was held, and could not be kept: another process may use it now. */
export class LeaseLost extends Schema.TaggedError<LeaseLost>()("LeaseLost", {
  resource: Schema.String,
  detail: Schema.String
}) {
  readonly hint = "Make sure that no other process uses it and that its location can be written to; then start again."
  override get message(): string {
    return `the lease on ${this.resource} was lost: ${this.detail}`
  }
}
