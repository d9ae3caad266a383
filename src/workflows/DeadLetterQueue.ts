import { Context, Effect, Fiber, Layer, Option, type Result, Stream } from "effect"
import type { DeadLetter, UnreadableLetter } from "../domain/DeadLetter.ts"
import type { DeadLetterPage } from "../domain/DeadLetterPage.ts"
import { EventBridgeError, MalformedResponse } from "../domain/EventBridgeError.ts"
import { EventBridgeHttp } from "../services/EventBridgeHttp.ts"

export interface QueueOptions {
  readonly topicId: string
  /** Letters a page, at most. Default 50. */
  readonly pageSize?: number | undefined
  /** The token of the page to begin with; the first page by default. */
  readonly pageToken?: string | undefined
}

export const defaultPageSize = 50

/** The dead letters of a topic, page by page, in constant memory. */
export class DeadLetterQueue extends Context.Service<
  DeadLetterQueue,
  {
    /**
     * The pages, empty ones too, in order. While one is worked on the next is fetched, and no more than that. Ends when
     * a page carries no token, and only then; a token that comes again fails instead of going round for ever.
     */
    readonly pages: (options: QueueOptions) => Stream.Stream<DeadLetterPage, EventBridgeError>
    /** The entries of all pages: letters, or what is wrong with an entry that is none. */
    readonly letters: (
      options: QueueOptions
    ) => Stream.Stream<Result.Result<DeadLetter, UnreadableLetter>, EventBridgeError>
  }
>()("effect-cxone-eventbridge/workflows/DeadLetterQueue") {
  static readonly make = Effect.gen(function* () {
    const http = yield* EventBridgeHttp

    const pages = ({ pageSize = defaultPageSize, pageToken, topicId }: QueueOptions) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const scope = yield* Effect.scope
          const repeats = repeatedTokens()
          const fetch = (nextPageToken: string | undefined) =>
            http.listDeadLetters({ topicId, limit: pageSize, nextPageToken }).pipe(
              Effect.tap((page) =>
                page.nextPageToken !== undefined && repeats(page.nextPageToken)
                  ? Effect.fail(endlessList(page.nextPageToken))
                  : Effect.void
              ),
              Effect.forkIn(scope)
            )
          const first = yield* fetch(pageToken)
          return Stream.paginate(
            first,
            Effect.fnUntraced(function* (fetching) {
              const page = yield* Fiber.join(fetching)
              const next =
                page.nextPageToken === undefined ? Option.none() : Option.some(yield* fetch(page.nextPageToken))
              return [[page], next] as const
            })
          )
        })
      )

    return DeadLetterQueue.of({
      pages,
      letters: (options) => Stream.flatMap(pages(options), (page) => Stream.fromIterable(page.letters))
    })
  })

  static readonly layer: Layer.Layer<DeadLetterQueue, never, EventBridgeHttp> = Layer.effect(
    DeadLetterQueue,
    DeadLetterQueue.make
  )
}

/**
 * Tells whether a token has come before, in constant memory (Brent's cycle detection): each is compared with the one
 * before it and with a mark that moves on at every power of two, so a circle of n pages is found within 3 n.
 */
const repeatedTokens = () => {
  let mark: string | undefined
  let previous: string | undefined
  let sinceMark = 0
  let untilMark = 1
  return (token: string): boolean => {
    const repeated = token === mark || token === previous
    previous = token
    if (++sinceMark === untilMark) {
      mark = token
      sinceMark = 0
      untilMark *= 2
    }
    return repeated
  }
}

const endlessList = (token: string) =>
  new EventBridgeError({
    operation: "ListDeadLetters",
    reason: new MalformedResponse({
      status: 200,
      detail: `the page token "${token}" comes again: the list would never end`
    }),
    tries: 1,
    ambiguous: false
  })
