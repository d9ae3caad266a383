import { Effect } from "effect"
import { HttpClientRequest, type HttpMethod } from "effect/http"
import type { SubscriptionDefinition } from "../../src/domain/SubscriptionDefinition.ts"
import { type Answer, base, bearer, json, send, token } from "./Harness.ts"

export const path = "/api/v2/eventbridge/subscriptions"

export const definition = (name = "contact-created-sync", description = "first"): SubscriptionDefinition => ({
  name,
  description,
  eventType: "contact.created",
  filters: [{ field: "contact.channelType", operator: "eq", value: "voice" }],
  endpoints: [{ url: "https://consumer.example.com/webhook", type: "webhook" }],
  deadLetterQueue: { enabled: true, endpointUrl: "https://dlq.example.com/events" },
  retryConfiguration: { maxRetries: 5, backoffStrategy: "exponential", initialDelayMs: 1000, maxDelayMs: 10_000 }
})

export interface Call {
  readonly key?: string
  readonly body?: string
  readonly query?: Record<string, string | number>
}

export const call = (
  bearerToken: string | undefined,
  method: HttpMethod.HttpMethod,
  under: string,
  options: Call = {}
) =>
  send(
    HttpClientRequest.make(method)(`${base}${path}${under}`).pipe(
      HttpClientRequest.setUrlParams(options.query ?? {}),
      (request) =>
        options.key === undefined ? request : HttpClientRequest.setHeader(request, "idempotency-key", options.key),
      (request) =>
        options.body === undefined ? request : HttpClientRequest.bodyText(request, options.body, "application/json"),
      bearer(bearerToken)
    )
  )

/** The routes under a token of their own. */
export const client = Effect.map(token, (bearerToken) => ({
  token: bearerToken,
  create: (key: string, wanted: SubscriptionDefinition) =>
    call(bearerToken, "POST", "", { key, body: JSON.stringify(wanted) }),
  update: (key: string, id: string, wanted: SubscriptionDefinition) =>
    call(bearerToken, "PUT", `/${id}`, { key, body: JSON.stringify(wanted) }),
  get: (id: string) => call(bearerToken, "GET", `/${id}`),
  list: (query: Record<string, string | number> = {}) => call(bearerToken, "GET", "", { query }),
  remove: (id: string) => call(bearerToken, "DELETE", `/${id}`),
  status: (id: string) => call(bearerToken, "GET", `/${id}/delivery-status`)
}))

/** What a refusal says. */
export const refusal = (answer: Answer) => `${answer.status} ${json(answer).message}`
