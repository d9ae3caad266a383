import { assert, it } from "@effect/vitest"
import { Effect, Metric, Schema } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Metrics, ReplayOutcome, Skip } from "../../src/index.ts"
import * as MetricFamilies from "../../src/services/MetricFamilies.ts"
import { root } from "./support/Program.ts"

const read = (path: string): string => readFileSync(join(root, path), "utf8")

const Dashboard = Schema.fromJsonString(
  Schema.Struct({
    panels: Schema.Array(
      Schema.Struct({
        title: Schema.String,
        description: Schema.NonEmptyString,
        targets: Schema.Array(Schema.Struct({ expr: Schema.String, legendFormat: Schema.String }))
      })
    )
  })
)

/** Each metric there is, as it is after everything was counted once. */
const counted = Effect.gen(function* () {
  const metrics = yield* Metrics
  yield* metrics.request("Token", 200, 1)
  yield* metrics.retry("Token")
  yield* metrics.tokenRefresh("success")
  yield* metrics.breaker("Open")
  yield* metrics.inFlight(1)
  yield* metrics.letters([
    ReplayOutcome.Skipped({ eventId: "a", letter: undefined, idempotencyKey: "b", skip: Skip.PayloadMissing() })
  ])
  yield* metrics.page(1)
  yield* Metric.update(MetricFamilies.histogram("auditGroups", {}), 1)
  yield* metrics.subscription("GET", "SUCCESS")
  yield* metrics.notification("delivered")
  yield* metrics.registrySync("delivered")
  return yield* Metrics.snapshot
}).pipe(
  Effect.provide(Metrics.layer),
  Effect.provideServiceEffect(
    Metric.MetricRegistry,
    Effect.sync(() => new Map())
  )
)

/** The attributes of each metric, by its name. */
const attributesOf = Effect.map(
  counted,
  (series) => new Map(series.map(({ attributes, name }) => [name, Object.keys(attributes).toSorted()]))
)

it.effect("the dashboard shows every metric there is, by attributes it has, and no other", () =>
  Effect.gen(function* () {
    const known = yield* attributesOf
    const types = new Map((yield* counted).map(({ name, type }) => [name, type]))
    const { panels } = yield* Schema.decodeEffect(Dashboard)(read("examples/observability/grafana-dashboard.json"))
    const shown = new Set<string>()
    for (const { targets, title } of panels) {
      for (const { expr, legendFormat } of targets) {
        const used = Array.from(expr.matchAll(/cxone_eventbridge_\w+/g), ([name]) => name)
        assert.isNotEmpty(used, title)
        for (const name of used) {
          const family = known.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, "")
          assert.isTrue(known.has(family), `${title}: there is no ${name}`)
          assert.strictEqual(family !== name, types.get(family) === "histogram", `${title}: ${name}`)
          shown.add(family)
          const labels = [
            ...Array.from(expr.matchAll(/[{,](\w+)(?:=~|!=|=)/g), ([, label]) => label),
            ...Array.from(expr.matchAll(/by \(([^)]*)\)/g), ([, list = ""]) => list.split(", ")).flat(),
            ...Array.from(legendFormat.matchAll(/\{\{(\w+)\}\}/g), ([, label]) => label)
          ]
          assert.includeMembers(["job", "le", ...(known.get(family) ?? [])], labels, title)
        }
      }
    }
    assert.sameMembers(Array.from(shown), Array.from(known.keys()))
  })
)

it.effect("README describes every metric there is, with its attributes, and no other", () =>
  Effect.gen(function* () {
    const known = yield* attributesOf
    const rows = Array.from(
      read("README.md").matchAll(/^\| `(cxone_eventbridge_\w+)` \|.*\|$/gm),
      ([row, name = ""]) => {
        const [unit, attributes = "", meaning] = row
          .split("|")
          .slice(2)
          .map((cell) => cell.trim())
        assert.isNotEmpty(unit)
        assert.isNotEmpty(meaning)
        return [
          name,
          Array.from(attributes.matchAll(/`(\w+)`/g), ([, attribute = ""]) => attribute).toSorted()
        ] as const
      }
    )
    assert.deepStrictEqual(Object.fromEntries(rows), Object.fromEntries(known))
    assert.strictEqual(rows.length, known.size)
  })
)
