import { Context, Effect, Layer, type Result, Stream } from "effect"
import type { DeadLetter, UnreadableLetter } from "../domain/DeadLetter.ts"
import type { DeadLetterPage } from "../domain/DeadLetterPage.ts"
import type { EventBridgeError } from "../domain/EventBridgeError.ts"
import { EventBridgeHttp } from "../services/EventBridgeHttp.ts"
import * as PagedList from "./PagedList.ts"

/** Which dead letters to read. */
export interface QueueOptions {
  readonly topicId: string
  /** Letters per page, at most. Default 50. */
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
     * The pages, empty ones too, in order. While one is being processed the next is fetched, but none beyond it. Ends
     * only when a page carries no token; a repeated token fails instead of looping for ever.
     */
    readonly pages: (options: QueueOptions) => Stream.Stream<DeadLetterPage, EventBridgeError>
    /** The entries of all pages: letters, or what is wrong with an entry that is not one. */
    readonly letters: (
      options: QueueOptions
    ) => Stream.Stream<Result.Result<DeadLetter, UnreadableLetter>, EventBridgeError>
  }
>()("effect-cxone-eventbridge/workflows/DeadLetterQueue") {
  static readonly make = Effect.gen(function* () {
    const http = yield* EventBridgeHttp

    const pages = ({ pageSize = defaultPageSize, pageToken, topicId }: QueueOptions) =>
      PagedList.pages(
        "ListDeadLetters",
        (nextPageToken) => http.listDeadLetters({ topicId, limit: pageSize, nextPageToken }),
        pageToken
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
