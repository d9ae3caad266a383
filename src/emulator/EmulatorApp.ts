import { Cause, Clock, Effect } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, type HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import * as Answers from "./Answers.ts"
import type { EmulatorState } from "./EmulatorState.ts"
import type { FaultedRequest } from "./Fault.ts"
import * as FaultedAnswer from "./FaultedAnswer.ts"
import * as Faults from "./Faults.ts"
import * as Handlers from "./Handlers.ts"
import * as Target from "./Target.ts"

const statsPath = "/__emulator/stats"

const noSuchRoute = ({ method, url }: HttpServerRequest.HttpServerRequest) =>
  Answers.failure(404, `there is no route ${method} ${Target.pathOf(url)}`)

/** What the router could not answer: requests it has no route for or cannot decode. */
const explain = <E>(cause: Cause.Cause<E>): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  for (const reason of cause.reasons) {
    if (Cause.isDieReason(reason) && HttpApiError.HttpApiSchemaError.is(reason.defect)) {
      return Effect.succeed(Answers.failure(400, `${reason.defect.kind}: ${reason.defect.cause.message}`))
    }
    if (
      Cause.isFailReason(reason) &&
      HttpServerError.isHttpServerError(reason.error) &&
      reason.error.reason._tag === "RouteNotFound"
    ) {
      return Effect.succeed(noSuchRoute(reason.error.request))
    }
  }
  return Effect.map(HttpServerError.causeResponse(cause), ([response]) => response)
}

/** The whole emulator as one HTTP effect: faults around the routes, and every answer counted. */
export const make = Effect.fnUntraced(function* (state: EmulatorState) {
  const { ledger, log } = state
  // Ids may be of any length: beyond 100 characters the router would know no route for them.
  const router = yield* HttpRouter.toHttpEffect(Handlers.layer(state)).pipe(
    Effect.provideService(HttpRouter.RouterConfig, { maxParamLength: Number.MAX_SAFE_INTEGER })
  )
  const routes = Effect.catchCause(router, (cause) =>
    Cause.hasInterruptsOnly(cause) ? Effect.interrupt : explain(cause)
  )
  const faults = Faults.make(state)

  const identify = Effect.fnUntraced(function* (
    request: HttpServerRequest.HttpServerRequest,
    { key, route }: Target.Target
  ) {
    if (route !== "replay") return { route, key, attempt: log.attempt(route, key) }
    // The body is read before any fault strikes: a key that comes with two bodies is noticed even if never accepted.
    const body = yield* Effect.orElseSucceed(request.text, () => "")
    return { route, key, attempt: ledger.seen(key, body) }
  })

  const serve = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest, target: Target.Target) {
    const faulted: FaultedRequest = yield* identify(request, target)
    const now = yield* Clock.currentTimeMillis
    log.arrived(faulted, now)
    const fault = faults(faulted, now)
    if (fault === undefined) return yield* routes
    log.faulted(fault._tag)
    return yield* FaultedAnswer.make(state, fault, faulted, now, routes)
  })

  return Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const path = Target.pathOf(request.url)
    if (request.method === "GET" && path === statsPath) return Answers.json(200, yield* state.stats)
    const target = Target.of(request)
    // The router also takes other spellings of a path and `HEAD`, which no fault would strike.
    if (target === undefined) return path === Handlers.openapiPath ? yield* routes : noSuchRoute(request)
    return yield* serve(request, target).pipe(
      Effect.tap((response) => Effect.sync(() => log.answered(target.name, String(response.status)))),
      Effect.tapErrorTag("ConnectionReset", () => Effect.sync(() => log.answered(target.name, "reset")))
    )
  })
})
