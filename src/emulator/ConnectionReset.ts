import { Schema } from "effect"

/** The connection is to die without an answer, or in the middle of one. What that takes is the transport's to know. */
export class ConnectionReset extends Schema.TaggedError<ConnectionReset>()("ConnectionReset", {}) {
  override get message(): string {
    return "the connection was reset"
  }
}
