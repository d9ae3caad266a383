import { Schema } from "effect"
import { EventBridgeError } from "./EventBridgeError.ts"

/** Definitions that break the rules: every issue, with its path. */
export class InvalidSubscription extends Schema.TaggedError<InvalidSubscription>()("InvalidSubscription", {
  issues: Schema.Array(Schema.Struct({ path: Schema.String, issue: Schema.String }))
}) {
  readonly hint = "Correct the definitions; nothing was sent."
  override get message(): string {
    return this.issues.map(({ issue, path }) => `${path === "" ? "definition" : path}: ${issue}`).join("\n")
  }
}

/** The organization would have more subscriptions than it may. Nothing was written. */
export class QuotaExceeded extends Schema.TaggedError<QuotaExceeded>()("QuotaExceeded", {
  limit: Schema.Int,
  /** Subscriptions there are. */
  existing: Schema.Int,
  /** Subscriptions there would be. */
  planned: Schema.Int
}) {
  readonly hint = "Delete subscriptions that are not needed, or apply with prune; nothing was written."
  override get message(): string {
    return `${this.planned} subscriptions are more than the ${this.limit} an organization may have; there are ${this.existing}`
  }
}

/** The service holds several subscriptions with the name of a definition. */
export class AmbiguousName extends Schema.TaggedError<AmbiguousName>()("AmbiguousName", {
  name: Schema.String,
  ids: Schema.Array(Schema.String)
}) {
  readonly hint = "Delete or rename all but one of them."
  override get message(): string {
    return `the service holds ${this.ids.length} subscriptions named "${this.name}": ${this.ids.join(", ")}`
  }
}

/** The polls ended before the subscription delivered. */
export class DeliveryNotConfirmed extends Schema.TaggedError<DeliveryNotConfirmed>()("DeliveryNotConfirmed", {
  subscriptionId: Schema.String,
  /** The state seen last. */
  state: Schema.String,
  lastDeliveryError: Schema.optionalKey(Schema.String),
  polls: Schema.Int
}) {
  readonly hint = "Check that the endpoints answer; the subscription exists and may yet become active."
  override get message(): string {
    const error = this.lastDeliveryError === undefined ? "" : `, last error: ${this.lastDeliveryError}`
    return `subscription ${this.subscriptionId} does not deliver: ${this.state} after ${this.polls} polls${error}`
  }
}

/** A value as a message may show it: of a URL neither the credentials nor the query, which may hold a token. */
const shown = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "string"
      ? part.replace(/^(https?:\/\/)[^/?#]*@/i, "$1").replace(/^(https?:[^?#]*)[?#].*$/is, "$1?…")
      : part
  )

/** The service accepted a write, yet does not hold what was written. */
export class WriteNotApplied extends Schema.TaggedError<WriteNotApplied>()("WriteNotApplied", {
  name: Schema.String,
  id: Schema.String,
  /** What the service holds (`before`) and what was written (`after`), where they differ; empty when it is gone. */
  changes: Schema.Array(Schema.Struct({ field: Schema.String, before: Schema.Unknown, after: Schema.Unknown }))
}) {
  readonly hint =
    "Declare it as the service holds it, or find out who else writes it; it is not written again automatically."
  override get message(): string {
    const differences = this.changes.map(({ after, before, field }) => {
      const difference = `${field} is ${shown(before)}, not ${shown(after)}`
      return shown(before) === shown(after)
        ? `${difference} (they differ in a part of a URL that is not shown)`
        : difference
    })
    const held = differences.length === 0 ? "the service does not show it" : differences.join("; ")
    return `subscription "${this.name}" (${this.id}) was written, but ${held}`
  }
}

/**
 * The service answered a write with success or with 409, either of which may be about an earlier one, and could not be
 * asked what it holds.
 */
export class WriteUnconfirmed extends Schema.TaggedError<WriteUnconfirmed>()("WriteUnconfirmed", {
  name: Schema.String,
  /** Absent after a 409. One that the service answers from memory may be gone. */
  id: Schema.optionalKey(Schema.String),
  /** Why it could not be read. */
  error: EventBridgeError
}) {
  get hint(): string {
    return `${this.error.hint} Then repeat the write: it keeps its key, and is not done twice.`
  }
  override get message(): string {
    const id = this.id === undefined ? "" : ` (${this.id})`
    return `subscription "${this.name}"${id} may have been written, but could not be read back: ${this.error.message}`
  }
}

/** The registry was not notified of a subscription's state. The subscription itself is as it was. */
export class RegistrySyncFailed extends Schema.TaggedError<RegistrySyncFailed>()("RegistrySyncFailed", {
  subscriptionId: Schema.String,
  detail: Schema.String
}) {
  readonly hint = "Check REGISTRY_WEBHOOK_URL and what listens there; the subscription is not affected."
  override get message(): string {
    return `the registry was not notified of subscription ${this.subscriptionId}: ${this.detail}`
  }
}
