import { Effect, Fiber, Option, Stream } from "effect"
import { EventBridgeError, MalformedResponse } from "../domain/EventBridgeError.ts"
import * as Failure from "../domain/Failure.ts"
import type { Operation } from "../domain/Operation.ts"
import * as PageTokens from "../domain/PageTokens.ts"

interface Page {
  /** Asks for the page after it; absent on the last. */
  readonly nextPageToken: string | undefined
}

/**
 * The pages of a list, in order. While one is being processed the next is fetched, but none beyond it. Ends only when a
 * page carries no token; a repeated token fails instead of looping for ever.
 */
export const pages = <P extends Page>(
  operation: Operation,
  read: (pageToken: string | undefined) => Effect.Effect<P, EventBridgeError>,
  firstToken: string | undefined
): Stream.Stream<P, EventBridgeError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const isRepeated = PageTokens.repeats()
      const fetch = (pageToken: string | undefined) =>
        read(pageToken).pipe(
          Effect.tap(({ nextPageToken }) =>
            nextPageToken !== undefined && isRepeated(nextPageToken)
              ? Effect.fail(endlessList(operation, nextPageToken))
              : Effect.void
          ),
          Effect.forkIn(scope)
        )
      return Stream.paginate(
        yield* fetch(firstToken),
        Effect.fnUntraced(function* (fetching) {
          const page = yield* Fiber.join(fetching)
          const next = page.nextPageToken === undefined ? Option.none() : Option.some(yield* fetch(page.nextPageToken))
          return [[page], next] as const
        })
      )
    })
  )

const endlessList = (operation: Operation, token: string) =>
  new EventBridgeError({
    operation,
    reason: new MalformedResponse({
      status: 200,
      detail: `the page token "${Failure.quoted(token)}" was repeated: the list would never end`
    }),
    tries: 1,
    ambiguous: false
  })
