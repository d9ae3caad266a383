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

export const pathOf = (url: string): string => {
  const query = url.indexOf("?")
  return query === -1 ? url : url.slice(0, query)
}

/** `undefined` for a request that is for none of them: no fault strikes it and it is not counted. */
export const of = (request: HttpServerRequest.HttpServerRequest): Target | undefined => {
  const path = pathOf(request.url)
  switch (request.method) {
    case "PUT":
      return replayPath.test(path)
        ? {
            route: "replay",
            name: "PUT /api/v2/eventbridge/topics/:topicId/events",
            key: request.headers["idempotency-key"] ?? ""
          }
        : undefined
    case "GET":
      return path === listPath
        ? {
            route: "list",
            name: `GET ${listPath}`,
            key: new URLSearchParams(request.url.slice(path.length)).get("nextPageToken") ?? ""
          }
        : undefined
    case "POST":
      return tokenPaths.has(path) ? { route: "token", name: `POST ${path}`, key: "" } : undefined
    default:
      return undefined
  }
}
