import { Context, Effect, type Fiber, Function } from "effect"
import { HttpClient } from "effect/http"
import type { Operation } from "../domain/Operation.ts"

/**
 * Whether anybody gets to see spans: the application provides a tracer and has not switched it off. Without one Effect
 * still makes spans, and sends their ids out with each request.
 */
const isWanted = ({ cache }: Fiber.Fiber<unknown, unknown>): boolean =>
  cache.tracerEnabled && cache.tracer !== undefined

/** Whether spans are wanted where this runs. */
export const isOn: Effect.Effect<boolean> = Effect.withFiber((fiber) => Effect.succeed(isWanted(fiber)))

const isSilenced = ({ context }: Fiber.Fiber<unknown, unknown>): boolean =>
  Context.get(context, HttpClient.TracerDisabledWhen) === Function.constTrue

/** Requests of `self` leave no span. */
export const without = Effect.provideService(HttpClient.TracerDisabledWhen, Function.constTrue)

/**
 * The one span of a request, which the HTTP client makes and whose `traceparent` goes out with it, with what the client
 * cannot know: the operation, and how often this request was sent before. For a fiber with the context it is sent in.
 */
export const request = <A, E, R>(
  fiber: Fiber.Fiber<unknown, unknown>,
  send: Effect.Effect<A, E, R>,
  { operation, resends }: { readonly operation: Operation; readonly resends: number }
): Effect.Effect<A, E, R> => {
  if (!isWanted(fiber)) return isSilenced(fiber) ? send : without(send)
  return send.pipe(
    Effect.annotateSpans({
      "cxone.operation": operation,
      ...(resends === 0 ? {} : { "http.request.resend_count": resends })
    }),
    Effect.provideService(HttpClient.SpanNameGenerator, ({ method }) => `${method} ${operation}`)
  )
}

/** A client whose requests leave no span: their URL is a secret of the application's, and spans show URLs. */
export const untraced = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  HttpClient.transformResponse(client, without)
