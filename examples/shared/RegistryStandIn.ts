// A registry for demonstrations: it accepts whatever it is sent.
import { NodeHttpServer } from "@effect/platform-node"
import { Effect } from "effect"
import { HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

/** Its URL. It listens on loopback until the scope closes. */
export const listen = Effect.gen(function* () {
  const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0 })
  yield* server.serve(Effect.succeed(HttpServerResponse.empty({ status: 204 })))
  return HttpServer.formatAddress(server.address)
})
