// An application on Effect and its HTTP client for Node, without this library: what every bundle holds anyway.
import { NodeHttpClient } from "@effect/platform-node"
import { Effect } from "effect"
import { HttpClient } from "effect/http"

const program = Effect.flatMap(HttpClient.get(process.env["CXONE_INSTANCE_URL"] ?? ""), ({ text }) => text)

await Effect.runPromise(Effect.provide(program, NodeHttpClient.layerUndici))
