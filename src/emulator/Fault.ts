import { Data, type Duration } from "effect"

/** The routes that faults distinguish. */
export type FaultRoute =
  | "token"
  | "list"
  | "replay"
  | "createSubscription"
  | "updateSubscription"
  | "getSubscription"
  | "listSubscriptions"
  | "deleteSubscription"
  | "deliveryStatus"

/** What can go wrong with one request. Delays and pauses are durations. */
export type Fault = Data.TaggedEnum<{
  /** 429 with `Retry-After`, in whole seconds or as an HTTP date, both rounded up. */
  TooManyRequests: { readonly retryAfter: Duration.Duration; readonly form: "seconds" | "date" }
  /** 5xx with a body in one of the forms gateways use. */
  ServerError: { readonly status: 500 | 502 | 503 | 504; readonly form: "json" | "html" | "empty" }
  /** The connection dies before the request is looked at. */
  ResetBefore: {}
  /** The request is served (an event accepted, a subscription written), then the connection dies without an answer. */
  ResetAfter: {}
  /** The request is served late, but correctly. Nothing is accepted from a client that has given up by then. */
  Slow: { readonly delay: Duration.Duration }
  /** The request is served and the connection dies inside the answer's body, or instead of an answer without one. */
  Truncated: {}
  /** The request is served and answered 200 with something that is not the JSON it should be. */
  Malformed: { readonly form: "html" | "cut" }
  /** Every token given so far is revoked before the request is looked at. */
  Revoke: {}
  /** Any answer at all, before the request is looked at. */
  Answer: {
    readonly status: number
    readonly headers?: Readonly<Record<string, string>> | undefined
    readonly body?: string | undefined
  }
}>
export const Fault = Data.taggedEnum<Fault>()

/** A request as faults see it. */
export interface FaultedRequest {
  readonly route: FaultRoute
  /**
   * The idempotency key of a replay, a create or an update; the page token of a list (empty for the first page); the id
   * for the other routes of a subscription; empty for a token request.
   */
  readonly key: string
  /** 1 for the first request with this route and key. */
  readonly attempt: number
}

/** Scripted faults, asked before the plan: `undefined` leaves the request to the plan. */
export type FaultScript = (request: FaultedRequest) => Fault | undefined
