import { assert, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as PagedList from "../../src/workflows/PagedList.ts"

it.effect("a page is asked for before the one that names it is worked on, and no page beyond it", () => {
  const events: Array<string> = []
  const read = (token = "0") =>
    Effect.sync(() => {
      events.push(`page ${token} asked for`)
      const page = Number(token)
      return { page, nextPageToken: page < 3 ? String(page + 1) : undefined }
    })
  return Effect.gen(function* () {
    yield* PagedList.pages("ListDeadLetters", read, undefined).pipe(
      Stream.runForEach(({ page }) => Effect.sync(() => events.push(`page ${page} worked on`)))
    )
    assert.deepStrictEqual(events, [
      "page 0 asked for",
      "page 1 asked for",
      "page 0 worked on",
      "page 2 asked for",
      "page 1 worked on",
      "page 3 asked for",
      "page 2 worked on",
      "page 3 worked on"
    ])
  })
})
