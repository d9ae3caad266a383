import { assert, it } from "@effect/vitest"
import { Duration, Effect, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Emulator, Fault, type FaultScript } from "../../src/emulator/index.ts"
import { AuditMemory, Subscriptions } from "../../src/index.ts"
import { definition } from "./support/Definitions.ts"
import { driven, library, world } from "./support/Harness.ts"

const Step = Schema.Struct({
  kind: Schema.Literals(["create", "update", "ensure", "apply", "prune", "delete", "later"]),
  name: Schema.Literals(["a", "b", "c"]),
  description: Schema.Literals(["first", "second"])
})

/** What each of some processes does, one after the other; none knows of those before it. */
const Processes = Schema.Array(Schema.Array(Step).check(Schema.isMaxLength(7))).check(Schema.isMaxLength(3))

const Luck = Schema.Array(Schema.Literals(["none", "lost", "unsent", "unreadable", "refused", "put off"])).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(40)
)

const faults = {
  none: undefined,
  lost: Fault.ResetAfter(),
  unsent: Fault.ResetBefore(),
  unreadable: Fault.Malformed({ form: "html" }),
  refused: Fault.ServerError({ status: 503, form: "html" }),
  "put off": Fault.TooManyRequests({ retryAfter: Duration.seconds(1), form: "date" })
}

/** Each request suffers what is next, over and over, until the service is well again. */
const suffering = (luck: typeof Luck.Type) => {
  const service = { isWell: false }
  let requests = 0
  const script: FaultScript = ({ route }) =>
    service.isWell || route === "token" ? undefined : faults[luck[requests++ % luck.length] ?? "none"]
  return { service, script }
}

const held = Effect.map(
  Effect.flatMap(Emulator, (emulator) => emulator.subscriptions),
  (all) => all.map(({ description, id, name }) => ({ description, id, name }))
)

/** What a step that was told as done has to have led to. */
const take = Effect.fnUntraced(function* ({ description, kind, name }: typeof Step.Type) {
  const subscriptions = yield* Subscriptions
  const wanted = definition(name, { description })
  const current = (yield* held).find((one) => one.name === name)
  const isHeld = Effect.map(held, (all) => {
    assert.deepStrictEqual(
      all.filter((one) => one.name === name).map((one) => one.description),
      [description]
    )
  })
  const answered = (id: string) =>
    Effect.andThen(
      isHeld,
      Effect.map(held, (all) => assert.isTrue(all.some((one) => one.id === id)))
    )
  switch (kind) {
    case "create":
      // In other words it would be a second one of the name.
      return current === undefined || current.description === description
        ? yield* Effect.flatMap(subscriptions.create(wanted), ({ id }) => answered(id))
        : undefined
    case "update":
      return current === undefined
        ? undefined
        : yield* Effect.flatMap(subscriptions.update(current.id, wanted), ({ id }) => answered(id))
    case "ensure":
      return yield* Effect.flatMap(subscriptions.ensure(wanted), ({ id }) => answered(id))
    case "apply":
    case "prune": {
      const plan = yield* subscriptions.plan([wanted], { prune: kind === "prune" })
      yield* subscriptions.apply(plan)
      if (kind === "prune") assert.lengthOf(yield* held, 1)
      return yield* isHeld
    }
    case "delete":
      if (current === undefined) return
      yield* subscriptions.delete(current.id)
      return assert.notInclude(
        (yield* held).map(({ id }) => id),
        current.id
      )
    case "later":
      return yield* TestClock.adjust("1 hour")
  }
})

it.effect.prop(
  "whatever goes wrong, what is reported as done is done, nothing is created twice, and in the end it is as declared",
  [Processes, Luck],
  ([processes, luck]) => {
    const { script, service } = suffering(luck)
    const live = Effect.fnUntraced(function* (own: ReadonlyArray<typeof Step.Type>) {
      for (const step of own) {
        const done = yield* Effect.result(take(step))
        const names = (yield* held).map(({ name }) => name)
        assert.strictEqual(new Set(names).size, names.length, "two of one name")
        if (Result.isFailure(done)) assert.isNotEmpty(done.failure.hint)
      }
    })
    return Effect.gen(function* () {
      for (const own of processes) yield* live(own).pipe(Effect.provide(library({ retry: { maxRetries: 2 } })))
      service.isWell = true
      const declared = ["a", "b", "c"].map((name) => definition(name, { description: "in the end" }))
      yield* Effect.gen(function* () {
        const subscriptions = yield* Subscriptions
        yield* subscriptions.apply(yield* subscriptions.plan(declared, { prune: true }))
      }).pipe(Effect.provide(library()))
      const all = yield* held
      assert.deepStrictEqual(all.map(({ description, name }) => `${name} ${String(description)}`).toSorted(), [
        "a in the end",
        "b in the end",
        "c in the end"
      ])
      const { subscriptionWrites } = yield* (yield* Emulator).stats
      const { subscriptionRecords } = yield* AuditMemory
      const recorded = (operation: string) =>
        subscriptionRecords.filter((one) => one.operation === operation && one.status === "SUCCESS").length
      assert.isAtMost(recorded("CREATE"), subscriptionWrites.creates)
      assert.isAtMost(recorded("DELETE"), subscriptionWrites.deletes)
    }).pipe((run) => driven(run, 200), Effect.provide(world({ script, keyRetention: "30 minutes" })))
  },
  { arbitrary: { runs: 40 } }
)
