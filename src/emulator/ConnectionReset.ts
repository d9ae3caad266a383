import { Schema } from "effect"

/** The connection is to die without an answer, or in the middle of one. How is up to the transport. */
export class ConnectionReset extends Schema.TaggedError<ConnectionReset>()("ConnectionReset", {}) {
  override get message(): string {
    return "the connection was reset"
  }
}
