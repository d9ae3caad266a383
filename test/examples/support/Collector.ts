// An OpenTelemetry collector as far as a test needs one: takes what is sent over HTTP and reads it.
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Schema, type Scope } from "effect"
import { HttpServer, type HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

/** One export as it arrived. */
export interface Export {
  readonly path: string
  readonly contentType: string
  readonly body: Uint8Array
}

export interface Collector {
  readonly url: string
  readonly exports: ReadonlyArray<Export>
}

/** Listens on loopback until the scope closes. Takes everything unless the test answers otherwise. */
export const start = (
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse> = Effect.succeed(
    HttpServerResponse.text("{}", { contentType: "application/json" })
  )
): Effect.Effect<Collector, HttpServerError.ServeError, Scope.Scope> =>
  Effect.gen(function* () {
    const exports: Array<Export> = []
    const server = yield* NodeHttpServer.make(createServer, {
      host: "127.0.0.1",
      port: 0,
      gracefulShutdownTimeout: "100 millis"
    })
    yield* server.serve(
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const body = new Uint8Array(yield* request.arrayBuffer)
        exports.push({ path: request.url, contentType: request.headers["content-type"] ?? "", body })
        return yield* Effect.interruptible(answer)
      })
    )
    return { url: HttpServer.formatAddress(server.address), exports }
  })

const Value = Schema.Struct({
  stringValue: Schema.optionalKey(Schema.String),
  intValue: Schema.optionalKey(Schema.Union([Schema.String, Schema.Number])),
  doubleValue: Schema.optionalKey(Schema.Number),
  boolValue: Schema.optionalKey(Schema.Boolean)
})
const Attributes = Schema.Array(Schema.Struct({ key: Schema.String, value: Value }))
type Attributes = typeof Attributes.Type

/** Attributes by name, whatever their type, as text. */
const record = (attributes: Attributes): Readonly<Record<string, string>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]))

const Resource = Schema.Struct({ attributes: Attributes })

const Traces = Schema.Struct({
  resourceSpans: Schema.Array(
    Schema.Struct({
      resource: Resource,
      scopeSpans: Schema.Array(
        Schema.Struct({
          spans: Schema.Array(
            Schema.Struct({
              traceId: Schema.String,
              spanId: Schema.String,
              parentSpanId: Schema.optionalKey(Schema.String),
              name: Schema.String,
              kind: Schema.Number,
              attributes: Attributes,
              status: Schema.Struct({ code: Schema.Number })
            })
          )
        })
      )
    })
  )
})

const Point = Schema.Struct({ attributes: Attributes, asDouble: Schema.optionalKey(Schema.Number) })
const Metrics = Schema.Struct({
  resourceMetrics: Schema.Array(
    Schema.Struct({
      resource: Resource,
      scopeMetrics: Schema.Array(
        Schema.Struct({
          metrics: Schema.Array(
            Schema.Struct({
              name: Schema.String,
              description: Schema.String,
              unit: Schema.String,
              sum: Schema.optionalKey(Schema.Struct({ dataPoints: Schema.Array(Point) })),
              gauge: Schema.optionalKey(Schema.Struct({ dataPoints: Schema.Array(Point) })),
              histogram: Schema.optionalKey(
                Schema.Struct({
                  dataPoints: Schema.Array(Schema.Struct({ attributes: Attributes, count: Schema.Number }))
                })
              )
            })
          )
        })
      )
    })
  )
})

const Logs = Schema.Struct({
  resourceLogs: Schema.Array(
    Schema.Struct({
      resource: Resource,
      scopeLogs: Schema.Array(
        Schema.Struct({ logRecords: Schema.Array(Schema.Struct({ severityText: Schema.String, body: Value })) })
      )
    })
  )
})

const decode =
  <S extends Schema.ConstraintDecoder<unknown>>(path: string, schema: S) =>
  ({ exports }: Collector): Effect.Effect<ReadonlyArray<S["Type"]>, Schema.SchemaError> =>
    Effect.forEach(
      exports.filter((each) => each.path === path),
      ({ body }) => Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(new TextDecoder().decode(body))
    )

const traces = decode("/v1/traces", Traces)
const metrics = decode("/v1/metrics", Metrics)
const logs = decode("/v1/logs", Logs)

/** Every span of every export. */
export const spansOf = (collector: Collector) =>
  Effect.map(traces(collector), (all) =>
    all
      .flatMap(({ resourceSpans }) => resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap(({ spans }) => spans)
      .map(({ attributes, kind, name, parentSpanId, spanId, status, traceId }) => ({
        name,
        traceId,
        spanId,
        parentSpanId,
        isServer: kind === 2,
        isError: status.code === 2,
        attributes: record(attributes)
      }))
  )

/** A series of a metric: its attributes, and its value or for a histogram its count. */
export interface Series {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly value: number
}

/** The metrics as they stood in the end. */
export const metricsOf = (collector: Collector) =>
  Effect.map(metrics(collector), (all): ReadonlyArray<Series> =>
    (all.at(-1)?.resourceMetrics ?? []).flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics: some }) =>
        some.flatMap(({ gauge, histogram, name, sum }) => [
          ...[...(sum?.dataPoints ?? []), ...(gauge?.dataPoints ?? [])].map(({ asDouble = 0, attributes }) => ({
            name,
            attributes: record(attributes),
            value: asDouble
          })),
          ...(histogram?.dataPoints ?? []).map(({ attributes, count }) => ({
            name: `${name}_count`,
            attributes: record(attributes),
            value: count
          }))
        ])
      )
    )
  )

/** The unit of each metric, by its name. */
export const unitsOf = (collector: Collector) =>
  Effect.map(metrics(collector), (all): Readonly<Record<string, string>> =>
    Object.fromEntries(
      (all.at(-1)?.resourceMetrics ?? [])
        .flatMap(({ scopeMetrics }) => scopeMetrics)
        .flatMap(({ metrics: some }) => some.map(({ name, unit }) => [name, unit]))
    )
  )

/** Every line of every log. */
export const logsOf = (collector: Collector) =>
  Effect.map(logs(collector), (all) =>
    all.flatMap(({ resourceLogs }) =>
      resourceLogs.flatMap(({ scopeLogs }) =>
        scopeLogs.flatMap(({ logRecords }) => logRecords.map(({ body }) => body.stringValue ?? ""))
      )
    )
  )

/** Who says it, by the resource of each trace. */
export const servicesOf = (collector: Collector) =>
  Effect.map(traces(collector), (all) =>
    all.flatMap(({ resourceSpans }) => resourceSpans.map(({ resource }) => record(resource.attributes)["service.name"]))
  )

/** The fields of a message of Protocol Buffers: by number, numbers of 64 bits and bytes as they are. */
const fieldsOf = (bytes: Uint8Array): ReadonlyMap<number, ReadonlyArray<Uint8Array>> => {
  const fields = new Map<number, Array<Uint8Array>>()
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++] ?? 0
      value += (byte % 128) * factor
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const type = tag % 8
    const from = at
    const length = type === 0 ? (varint(), at - from) : type === 1 ? 8 : type === 5 ? 4 : varint()
    if (type === 0) at = from
    const field = Math.floor(tag / 8)
    const known = fields.get(field) ?? []
    known.push(bytes.subarray(at, at + length))
    fields.set(field, known)
    at += length
  }
  return fields
}

/** The sum of a counter over its attributes, from the last export of metrics in Protocol Buffers. */
export const protobufCounter = ({ exports }: Collector, counter: string): number => {
  const last = exports.findLast(({ path }) => path === "/v1/metrics")
  const within = (messages: ReadonlyArray<Uint8Array>, field: number) =>
    messages.flatMap((message) => fieldsOf(message).get(field) ?? [])
  // MetricsData.resource_metrics.scope_metrics.metrics, and of a metric its name, and sum.data_points.as_double.
  const all = [1, 2, 2].reduce(within, last === undefined ? [] : [last.body])
  const named = all.filter((metric) => new TextDecoder().decode(fieldsOf(metric).get(1)?.[0]) === counter)
  return [7, 1, 4]
    .reduce(within, named)
    .map((bytes) => new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true))
    .reduce((total, value) => total + value, 0)
}
