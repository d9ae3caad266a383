import { Schema } from "effect"

/** The configuration is incomplete or wrong. Every issue is listed, by the name the value was looked for under. */
export class InvalidConfiguration extends Schema.TaggedError<InvalidConfiguration>()("InvalidConfiguration", {
  issues: Schema.Array(Schema.Struct({ name: Schema.String, issue: Schema.String }))
}) {
  readonly hint = "Set or correct the settings named."
  override get message(): string {
    return this.issues.map(({ issue, name }) => `${name}: ${issue}`).join("\n")
  }
}
