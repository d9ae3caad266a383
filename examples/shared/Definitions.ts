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

/** One, or an array; whoever applies them checks what they are. */
export const read = Effect.fnUntraced(function* (
  file: string
): Effect.fn.Return<ReadonlyArray<unknown>, DefinitionsUnreadable, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(
    fs.readFileString(file),
    (error) => new DefinitionsUnreadable({ file, problem: `cannot be read: ${SystemProblem.inWords(error)}` })
  )
  const json = yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    // The parser's own words, which a schema would replace: they show the place.
    catch: (error) =>
      new DefinitionsUnreadable({
        file,
        problem: `is not JSON: ${SystemProblem.inWords(error).replaceAll(/\s+/g, " ")}`
      })
  })
  return Array.isArray(json) ? json : [json]
})
