import { Metric } from "effect"

/**
 * Names as Prometheus has them: the unit at the end, `_total` on counters. Units as UCUM has them, for OTLP, where Effect would
 * say 1 without: a collector that hands a gauge on to Prometheus takes that for a ratio, and calls it so.
 */
const families = {
  requests: {
    name: "cxone_eventbridge_requests_total",
    unit: "{request}",
    description: "Requests sent to the service, counting each try; status none if no answer came"
  },
  requestDuration: {
    name: "cxone_eventbridge_request_duration_seconds",
    unit: "s",
    description: "Time from sending a request to the end of its answer, or to giving up, for each try"
  },
  retries: {
    name: "cxone_eventbridge_retries_total",
    unit: "{request}",
    description: "Requests that were tries after the first of their call"
  },
  tokenRefreshes: {
    name: "cxone_eventbridge_token_refreshes_total",
    unit: "{token}",
    description: "Access tokens requested"
  },
  breaker: {
    name: "cxone_eventbridge_breaker_state",
    unit: "{state}",
    description: "1 for the state the circuit breaker is in, 0 for the others; open: the service is down and calls wait"
  },
  inFlight: {
    name: "cxone_eventbridge_letters_in_flight",
    unit: "{letter}",
    description: "Letters in flight: begun, and not yet recorded with an outcome"
  },
  letters: {
    name: "cxone_eventbridge_letters_total",
    unit: "{letter}",
    description: "Letters with their final outcome, and what it is classified as"
  },
  pageDuration: {
    name: "cxone_eventbridge_page_duration_seconds",
    unit: "s",
    description: "Time from opening a page of letters until it and all before it were settled"
  },
  auditGroups: {
    name: "cxone_eventbridge_audit_group_records",
    unit: "{record}",
    description: "Audit records that were written together"
  },
  subscriptions: {
    name: "cxone_eventbridge_subscription_operations_total",
    unit: "{operation}",
    description: "Operations on subscriptions, as in their audit records"
  },
  webhookDeliveries: {
    name: "cxone_eventbridge_webhook_deliveries_total",
    unit: "{delivery}",
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

/** Where Effect's exporters look for a unit. It tells no series from another. */
export const unitAttribute = "unit"

const optionsOf = (family: keyof typeof families, attributes: Attributes) => {
  const { description, unit } = families[family]
  return { description, attributes: { ...attributes, [unitAttribute]: unit } }
}

export const counter = (family: keyof typeof families, attributes: Attributes) =>
  Metric.counter(families[family].name, { ...optionsOf(family, attributes), incremental: true })

export const gauge = (family: keyof typeof families, attributes: Attributes) =>
  Metric.gauge(families[family].name, optionsOf(family, attributes))

export const histogram = (family: keyof typeof boundaries, attributes: Attributes) =>
  Metric.histogram(families[family].name, { ...optionsOf(family, attributes), boundaries: boundaries[family] })
