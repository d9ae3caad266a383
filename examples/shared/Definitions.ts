// Definitions of subscriptions, as a file holds them.
import { Effect, FileSystem, Schema } from "effect"
import * as SystemProblem from "./SystemProblem.ts"

class DefinitionsUnreadable extends Schema.TaggedError<DefinitionsUnreadable>()("DefinitionsUnreadable", {
  file: Schema.String,
  problem: Schema.String
}) {
  readonly hint = "Name a JSON file with one definition or an array, such as examples/definitions.json."
  override get message(): string {
    return `"${this.file}" ${this.problem}`
  }
}

const parseJson = Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))

/** One, or an array; what they are is checked by who applies them. */
export const read = Effect.fnUntraced(function* (
  file: string
): Effect.fn.Return<ReadonlyArray<unknown>, DefinitionsUnreadable, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(
    fs.readFileString(file),
    (error) => new DefinitionsUnreadable({ file, problem: `cannot be read: ${SystemProblem.inWords(error)}` })
  )
  const json = yield* Effect.mapError(
    parseJson(text),
    ({ message }) => new DefinitionsUnreadable({ file, problem: `is not JSON: ${message}` })
  )
  return Array.isArray(json) ? json : [json]
})
