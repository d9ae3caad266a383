// What programs that serve on a port have in common.
import { Schema } from "effect"
import { Flag } from "effect/cli"
import type { HttpServerError } from "effect/http"
import * as Filled from "./Filled.ts"
import * as SystemProblem from "./SystemProblem.ts"

/** `--port`, with the port that a program listens on by default. */
export const portFlag = (usual: number) =>
  Flag.Int("port").pipe(
    Flag.withDescription(`Port to listen on (${usual}); 0 picks a free one`),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))),
    Flag.withDefault(usual)
  )

/** `--host`, loopback by default. */
export const hostFlag = (description: string) =>
  Flag.String("host").pipe(Filled.text, Flag.withDescription(description), Flag.withDefault("127.0.0.1"))

class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", { message: Schema.String }) {}

/** Why a server cannot listen, in words. */
export const refused = ({ cause }: HttpServerError.ServeError, host: string, port: number) => {
  const code = SystemProblem.codeOf(cause)
  const problem =
    code === "EADDRINUSE"
      ? "the port is in use; choose another, or --port 0 for a free one"
      : code === "EACCES"
        ? "listening on this port needs more privileges"
        : code === "EADDRNOTAVAIL" || code === "ENOTFOUND"
          ? "this machine has no such address"
          : String(cause)
  return new CannotListen({ message: `cannot listen on ${host}:${port}: ${problem}` })
}
