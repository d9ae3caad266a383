import { Effect, Layer } from "effect"
import { HttpClient, HttpClientError, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { InvalidConfiguration } from "../domain/InvalidConfiguration.ts"
import { Emulator } from "./Emulator.ts"
import type { EmulatorOptions } from "./EmulatorOptions.ts"
import type { InvalidQueue } from "./LetterSource.ts"

/**
 * An `HttpClient` that hands every request to the emulator in memory, whatever its host. Resets are `TransportError`s.
 * Reading a body that was cut off fails with `DecodeError`, whose cause says so, as it does with clients on a network.
 */
export const make = Effect.map(Emulator, ({ app }) =>
  HttpClient.make((request) =>
    app.pipe(
      Effect.scoped,
      Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromClientRequest(request)),
      Effect.map((response) => HttpServerResponse.toClientResponse(response, { request })),
      Effect.mapError(
        (cause) =>
          new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
      )
    )
  )
)

// Fresh, or a second emulator in one program would be given the client of the first.
export const layer: Layer.Layer<HttpClient.HttpClient, never, Emulator> = Layer.fresh(
  Layer.effect(HttpClient.HttpClient, make)
)

/** The client together with an emulator of its own. */
export const layerEmulator = (
  options: EmulatorOptions = {}
): Layer.Layer<HttpClient.HttpClient | Emulator, InvalidConfiguration | InvalidQueue> =>
  Layer.provideMerge(layer, Emulator.layer(options))
