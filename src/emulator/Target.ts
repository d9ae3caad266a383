import { Result } from "effect"
import type { HttpServerRequest } from "effect/http"
import type { FaultRoute } from "./Fault.ts"

/** Which of the service's routes a request is for. */
export interface Target {
  readonly route: FaultRoute
  /** The route as statistics name it: a method and a path without parameters filled in. */
  readonly name: string
  readonly key: string
}

const tokenPaths: ReadonlySet<string> = new Set(["/oauth2/token", "/api/v2/oauth/token", "/oauth/token"])
const listPath = "/api/v2/eventbridge/dlq/events"
const replayPath = /^\/api\/v2\/eventbridge\/topics\/[^/]+\/events$/
const subscriptionsPath = "/api/v2/eventbridge/subscriptions"
const subscriptionPath = /^\/api\/v2\/eventbridge\/subscriptions(?:\/([^/]+)(\/delivery-status)?)?\/?$/

export const pathOf = (url: string): string => {
  const query = url.indexOf("?")
  return query === -1 ? url : url.slice(0, query)
}

const idempotencyKeyOf = ({ headers }: HttpServerRequest.HttpServerRequest): string => headers["idempotency-key"] ?? ""

const pageTokenOf = ({ url }: HttpServerRequest.HttpServerRequest): string =>
  new URLSearchParams(url.slice(pathOf(url).length)).get("nextPageToken") ?? ""

const decodeSegment = (segment: string): string =>
  Result.getOrElse(
    Result.try(() => decodeURIComponent(segment)),
    () => segment
  )

const subscriptionTarget = (request: HttpServerRequest.HttpServerRequest, path: string): Target | undefined => {
  const match = subscriptionPath.exec(path)
  if (match === null) return undefined
  const [, segment, isStatus] = match
  const { method } = request
  if (segment === undefined) {
    const name = `${method} ${subscriptionsPath}`
    if (method === "POST") return { route: "createSubscription", name, key: idempotencyKeyOf(request) }
    return method === "GET" ? { route: "listSubscriptions", name, key: pageTokenOf(request) } : undefined
  }
  const id = decodeSegment(segment)
  const name = `${method} ${subscriptionsPath}/:id`
  if (isStatus !== undefined) {
    return method === "GET" ? { route: "deliveryStatus", name: `${name}${isStatus}`, key: id } : undefined
  }
  switch (method) {
    case "PUT":
      return { route: "updateSubscription", name, key: idempotencyKeyOf(request) }
    case "GET":
      return { route: "getSubscription", name, key: id }
    case "DELETE":
      return { route: "deleteSubscription", name, key: id }
    default:
      return undefined
  }
}

/** `undefined` for a request that is for none of them: no fault strikes it, it is not counted, and not served. */
export const of = (request: HttpServerRequest.HttpServerRequest): Target | undefined => {
  const path = pathOf(request.url)
  const { method } = request
  if (method === "PUT" && replayPath.test(path)) {
    return {
      route: "replay",
      name: "PUT /api/v2/eventbridge/topics/:topicId/events",
      key: idempotencyKeyOf(request)
    }
  }
  if (method === "GET" && path === listPath) {
    return { route: "list", name: `GET ${listPath}`, key: pageTokenOf(request) }
  }
  if (method === "POST" && tokenPaths.has(path)) return { route: "token", name: `POST ${path}`, key: "" }
  return subscriptionTarget(request, path)
}
