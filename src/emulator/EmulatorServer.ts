import { Cause, Effect, Layer, Predicate } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Emulator } from "./Emulator.ts"

/** Kills the connection under a request, where the platform lets it be found. */
const destroySocket = (source: object): boolean => {
  const socket = Predicate.hasProperty(source, "socket") ? source.socket : undefined
  if (Predicate.hasProperty(socket, "resetAndDestroy") && Predicate.isFunction(socket.resetAndDestroy)) {
    socket.resetAndDestroy()
    return true
  }
  if (Predicate.hasProperty(socket, "destroy") && Predicate.isFunction(socket.destroy)) {
    socket.destroy()
    return true
  }
  return false
}

// The server ends the wait when it notices that the connection is gone. If there is no socket to kill, the best that
// can be done is a failure without a body.
const reset = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
  destroySocket(request.source)
    ? Effect.never
    : Effect.succeed(HttpServerResponse.empty({ status: 502, headers: { connection: "close" } }))
)

// The client only sees a 500: without this nobody would learn why.
const tellDefect = (defect: unknown) =>
  Effect.logError("emulator: a request failed, usually in its script", Cause.die(defect))

/** Serves the emulator on the `HttpServer` at hand, without a log line a request. */
export const layer: Layer.Layer<never, never, HttpServer.HttpServer | Emulator> = Layer.fresh(
  Layer.unwrap(
    Effect.map(Emulator, ({ app }) =>
      HttpServer.serve(
        app.pipe(
          Effect.catchTag("ConnectionReset", () => reset),
          Effect.tapDefect(tellDefect),
          Effect.interruptible
        )
      )
    )
  )
)
