import { Metric } from "effect"

/** Names as Prometheus has them: the unit at the end, `_total` on counters. */
const families = {
  requests: {
    name: "cxone_eventbridge_requests_total",
    description: "Requests sent to the service, counting each try; status none if no answer came"
  },
  requestDuration: {
    name: "cxone_eventbridge_request_duration_seconds",
    description: "Time from sending a request to the end of its answer, or to giving up, for each try"
  },
  retries: {
    name: "cxone_eventbridge_retries_total",
    description: "Requests that were tries after the first of their call"
  },
  tokenRefreshes: { name: "cxone_eventbridge_token_refreshes_total", description: "Access tokens requested" },
  breaker: {
    name: "cxone_eventbridge_breaker_state",
    description: "1 for the state the circuit breaker is in, 0 for the others; open: the service is down and calls wait"
  },
  inFlight: {
    name: "cxone_eventbridge_letters_in_flight",
    description: "Letters in flight: begun, and not yet recorded with an outcome"
  },
  letters: {
    name: "cxone_eventbridge_letters_total",
    description: "Letters with their final outcome, and what it is classified as"
  },
  pageDuration: {
    name: "cxone_eventbridge_page_duration_seconds",
    description: "Time from opening a page of letters until it and all before it were settled"
  },
  auditGroups: {
    name: "cxone_eventbridge_audit_group_records",
    description: "Audit records that were written together"
  },
  subscriptions: {
    name: "cxone_eventbridge_subscription_operations_total",
    description: "Operations on subscriptions, as in their audit records"
  },
  webhookDeliveries: {
    name: "cxone_eventbridge_webhook_deliveries_total",
    description: "What became of records for the monitoring webhook and of states for the registry webhook"
  }
} as const

/** The names of all of them. */
export const names: ReadonlySet<string> = new Set(Object.values(families).map(({ name }) => name))

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const boundaries = {
  requestDuration: seconds,
  pageDuration: [...seconds.slice(3), 60, 120, 300, 600],
  auditGroups: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
}

type Attributes = Readonly<Record<string, string>>

export const counter = (family: keyof typeof families, attributes: Attributes) => {
  const { description, name } = families[family]
  return Metric.counter(name, { description, attributes, incremental: true })
}

export const gauge = (family: keyof typeof families, attributes: Attributes) => {
  const { description, name } = families[family]
  return Metric.gauge(name, { description, attributes })
}

export const histogram = (family: keyof typeof boundaries, attributes: Attributes) => {
  const { description, name } = families[family]
  return Metric.histogram(name, { description, attributes, boundaries: boundaries[family] })
}
