import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Schema } from "effect"
import { Fault, FaultPlan } from "../../src/emulator/index.ts"
import { type DeadLetter, Replay, type RunRequest } from "../../src/index.ts"
import {
  addsUp,
  auditRecords,
  count,
  drive,
  driven,
  key,
  kill,
  letter,
  library,
  listRoute,
  mortal,
  onEmulator,
  stats,
  steps,
  topicId,
  world
} from "./support/Harness.ts"

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const indexOf = (text: string): number => Number(/\d+/.exec(text)?.[0])
const refused = Fault.Answer({ status: 422, body: `{"message":"no"}` })

/** Letters with the key each goes by; `-` is no key. */
const queueOf = (keys: ReadonlyArray<string>) => keys.map((by, index) => letter(index, { payload: { index, by } }))

const Payload = Schema.Struct({ by: Schema.String })
const orderBy = ({ payload }: DeadLetter): string | undefined => {
  const { by } = Schema.decodeUnknownSync(Payload)(payload)
  return by === "-" ? undefined : by
}

const run = (request: RunRequest) => Effect.flatMap(Replay, (replay) => replay.run({ topicId, orderBy, ...request }))

/** The letters that the service took, in the order it took them, by their key. */
const acceptedBy = (deliveries: Readonly<Record<string, number>>, keys: ReadonlyArray<string>) => {
  const accepted = new Map<string, Array<number>>()
  for (const index of Object.keys(deliveries).map(indexOf)) {
    const by = keys[index] ?? ""
    accepted.set(by, [...(accepted.get(by) ?? []), index])
  }
  return accepted
}

/** What is to be taken of each key: with `hold`, what comes before the first letter that is refused. */
const expectedBy = (keys: ReadonlyArray<string>, refusals: ReadonlySet<number>, onFailure: "hold" | "release") => {
  const expected = new Map<string, Array<number>>()
  const held = new Set<string>()
  for (const [index, by] of keys.entries()) {
    if (refusals.has(index) && by !== "-" && onFailure === "hold") held.add(by)
    if (!refusals.has(index) && !held.has(by)) expected.set(by, [...(expected.get(by) ?? []), index])
  }
  return expected
}

describe("letters of one key", () => {
  it.effect.prop(
    "are taken in queue order at concurrency 64, whatever fails and wherever the run is cut off",
    {
      seed: whole(0, 100_000),
      keys: Schema.Array(Schema.Literals(["a", "b", "c", "d", "e", "f", "-"])).check(
        Schema.isMinLength(1),
        Schema.isMaxLength(90)
      ),
      pageSize: whole(1, 20),
      onFailure: Schema.Literals(["hold", "release"]),
      refusals: Schema.Array(whole(0, 89)).check(Schema.isMaxLength(5)),
      cuts: Schema.Array(Schema.Struct({ after: whole(0, 60), how: Schema.Literals(["kill", "interrupt"]) })).check(
        Schema.isMaxLength(3)
      )
    },
    ({ cuts, keys, onFailure, pageSize, refusals: refusedIndexes, seed }) => {
      const refusals = new Set(refusedIndexes.filter((index) => index < keys.length))
      const request = { runId: "r", pageSize, concurrency: 64, orderOnFailure: onFailure, maxFailureShare: 1 }
      let arrived = 0
      return Effect.gen(function* () {
        for (const { after, how } of cuts) {
          const life = { isOver: false }
          const until = arrived + after
          yield* Effect.gen(function* () {
            const fiber = yield* Effect.forkChild(run({ ...request, gracePeriod: how === "kill" ? 0 : "50 millis" }))
            yield* drive(fiber, { until: () => arrived >= until, stepMillis: 7 })
            if (how === "kill") return yield* kill(fiber, life)
            yield* Effect.forkChild(Fiber.interrupt(fiber))
            yield* drive(fiber)
          }).pipe(Effect.provide(mortal(life)))
        }
        const report = yield* driven(run(request)).pipe(Effect.provide(library()))
        const seen = yield* stats
        const accepted = acceptedBy(seen.deliveries, keys)
        const expected = expectedBy(keys, refusals, onFailure)
        // Letters without a key may be taken in any order.
        accepted.get("-")?.sort((left, right) => left - right)
        assert.deepStrictEqual(accepted, expected)
        assert.deepStrictEqual(new Set(Object.values(seen.deliveries)).size <= 1, true)
        assert.deepStrictEqual(seen.distinctBodies, {})

        const taken = Object.keys(seen.deliveries).length
        const heldBack = Array.from(keys.keys()).filter(
          (index) => !refusals.has(index) && !(expected.get(keys[index] ?? "") ?? []).includes(index)
        )
        assert.isTrue(addsUp(report))
        assert.strictEqual(report.letters, keys.length)
        assert.strictEqual(report.success, taken)
        assert.strictEqual(report.outcomes.duplicate, 0)
        const last = new Map((yield* auditRecords).map((record) => [indexOf(record.event_id), record]))
        assert.strictEqual(last.size, keys.length)
        const reasons = (index: number) => last.get(index)?.error_classification
        assert.isTrue(heldBack.every((index) => reasons(index) === "HELD_BACK"))
        // A letter behind a refused one may be refused as well, but only where it was sent.
        const failures = Array.from(last.values()).filter(({ status }) => status === "FAILED")
        assert.strictEqual(report.failed, failures.length)
        assert.isTrue(failures.every(({ event_id }) => refusals.has(indexOf(event_id))))
      }).pipe(
        Effect.provide(
          world({
            queue: queueOf(keys),
            seed,
            faults: {
              seed,
              rates: { ...FaultPlan.all.rates, slow: { rate: 0.3, duration: Duration.millis(60) } }
            },
            script: ({ key: name, route }) => {
              if (route !== "replay") return undefined
              arrived++
              return refusals.has(indexOf(name)) ? refused : undefined
            }
          })
        )
      )
    },
    { arbitrary: { runs: 60 } }
  )

  const slowly = (keys: ReadonlyArray<string>) =>
    onEmulator({
      queue: queueOf(keys),
      script: ({ route }) => (route === "replay" ? Fault.Slow({ delay: Duration.seconds(1) }) : undefined)
    })
  const repeat = (by: string, times: number) => Array.from({ length: times }, () => by)

  it.effect("wait for each other without keeping others waiting", () =>
    Effect.gen(function* () {
      const started = yield* Clock.currentTimeMillis
      const report = yield* driven(run({ concurrency: 4, pageSize: 10 }))
      assert.strictEqual(report.success, 100)
      // Forty of one key, one after the other, a second each and some steps of the clock; the sixty others beside them.
      assert.isAtMost((yield* Clock.currentTimeMillis) - started, 44_000)
      const order = Object.keys((yield* stats).deliveries).map(indexOf)
      assert.isAbove(order.indexOf(39), order.indexOf(99))
    }).pipe(Effect.provide(slowly([...repeat("a", 40), ...repeat("-", 60)])))
  )

  it.effect("are read ahead, but not without end", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(run({ concurrency: 2, pageSize: 10 }))
      yield* drive(fiber, { until: steps(200) })
      // 64 letters at most before a page is read, and one page is fetched beside.
      assert.isAtMost(count((yield* stats).requests, listRoute), 9)
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* drive(fiber)
    }).pipe(Effect.provide(slowly(repeat("a", 300))))
  )
})

describe("a letter that fails", () => {
  const keys = ["a", "b", "a", "a", "b", "-", "a", "b"]
  const failing = (index: number, status: number) =>
    onEmulator({
      queue: queueOf(keys),
      script: ({ key: name, route }) =>
        route === "replay" && name === key(index) ? Fault.Answer({ status, body: `{"message":"no"}` }) : undefined
    })

  it.effect.each([422, 500])("(%d) holds back the later ones of its key: skipped, with the reason", (status) =>
    Effect.gen(function* () {
      const report = yield* driven(run({ pageSize: 3 }))
      assert.deepStrictEqual([report.success, report.failed, report.skipped], [5, 1, 2])
      assert.deepStrictEqual(report.bySkipReason, { HELD_BACK: 2 })
      const held = (yield* auditRecords).filter(({ error_classification }) => error_classification === "HELD_BACK")
      assert.deepStrictEqual(new Set(held.map(({ event_id }) => event_id)), new Set(["evt_3", "evt_6"]))
      assert.deepStrictEqual(
        held.map(({ detail, status: kind }) => [kind, detail]),
        held.map(() => ["SKIPPED", `held back: an earlier letter of the key "a" failed`])
      )
    }).pipe(Effect.provide(failing(2, status)))
  )
  it.effect("releases them on request", () =>
    Effect.gen(function* () {
      const report = yield* driven(run({ pageSize: 3, orderOnFailure: "release" }))
      assert.deepStrictEqual([report.success, report.failed, report.skipped], [7, 1, 0])
    }).pipe(Effect.provide(failing(2, 422)))
  )

  it.effect("a letter that is skipped or a duplicate does not: there is nothing to wait for", () =>
    Effect.gen(function* () {
      yield* driven(run({ orderBy: undefined, select: ({ eventId }) => eventId === "evt_0" }))
      const report = yield* driven(run({ select: ({ eventId }) => eventId !== "evt_2", pageSize: 3 }))
      assert.deepStrictEqual([report.success, report.failed, report.outcomes.duplicate], [6, 0, 1])
    }).pipe(Effect.provide(failing(2, 422)))
  )
})

describe("a run with an order", () => {
  it.effect("resumes with what it holds back, and tries again what failed on a page that was not settled", () => {
    // "a" fails on the first page, which is settled; "b" on the second, which is not: its last letter is slow.
    const keys = ["a", "-", "-", "b", "-", "-", "a", "b", "-"]
    const life = { isOver: false }
    return Effect.gen(function* () {
      const request = { runId: "r", pageSize: 3, concurrency: 8 }
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(run({ ...request, gracePeriod: 0 }))
        const recorded = yield* auditRecords
        yield* drive(fiber, { until: () => recorded.length === 8 })
        const held = recorded.filter(({ error_classification }) => error_classification === "HELD_BACK")
        assert.deepStrictEqual(new Set(held.map(({ event_id }) => event_id)), new Set(["evt_6", "evt_7"]))
        yield* kill(fiber, life)
      }).pipe(Effect.provide(mortal(life)))
      const report = yield* driven(run(request)).pipe(Effect.provide(library()))
      assert.deepStrictEqual([report.success, report.failed, report.skipped], [7, 1, 1])
      const held = (yield* auditRecords).slice(8).filter(({ error_classification }) => error_classification !== null)
      assert.deepStrictEqual(
        held.map(({ error_classification, event_id }) => [event_id, error_classification]),
        [["evt_6", "HELD_BACK"]]
      )
      assert.deepStrictEqual(acceptedBy((yield* stats).deliveries, keys).get("b"), [3, 7])
    }).pipe(
      Effect.provide(
        world({
          queue: queueOf(keys),
          script: ({ attempt, key: name, route }) => {
            if (route !== "replay" || attempt > 1) return undefined
            if (name === key(0) || name === key(3)) return refused
            return name === key(5) ? Fault.Slow({ delay: Duration.seconds(19) }) : undefined
          }
        })
      )
    )
  })

  it.effect("accepts keys as payloads hold them: numbers of any size, and null for none", () => {
    const big = "12345678901234567890"
    const ids = [big, "7", big, "7", "null", "null"]
    const life = { isOver: false }
    return Effect.gen(function* () {
      const request = {
        runId: "r",
        pageSize: 2,
        concurrency: 8,
        orderBy: ({ payload }: DeadLetter) => Object(payload).id
      }
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(run({ ...request, gracePeriod: 0 }))
        const recorded = yield* auditRecords
        yield* drive(fiber, { until: () => recorded.length === 5 })
        yield* kill(fiber, life)
      }).pipe(Effect.provide(mortal(life)))
      const report = yield* driven(run(request)).pipe(Effect.provide(library()))
      assert.deepStrictEqual([report.success, report.failed, report.skipped], [4, 1, 1])
      const held = (yield* auditRecords).filter(({ error_classification }) => error_classification === "HELD_BACK")
      assert.deepStrictEqual(
        new Set(held.map(({ detail, event_id }) => [event_id, detail].join())),
        new Set([`evt_2,held back: an earlier letter of the key "${big}" failed`])
      )
    }).pipe(
      Effect.provide(
        world({
          queue: ids.map((id, index) => `{"eventId":"evt_${index}","topicId":"${topicId}","payload":{"id":${id}}}`),
          script: ({ attempt, key: name, route }) => {
            if (route !== "replay") return undefined
            if (name === key(0)) return refused
            return name === key(3) && attempt === 1 ? Fault.Slow({ delay: Duration.seconds(19) }) : undefined
          }
        })
      )
    )
  })

  it.effect("tells keys apart that are objects, whatever their members", () =>
    Effect.gen(function* () {
      const byId = ({ payload }: DeadLetter) => Object(payload).id
      const report = yield* driven(run({ orderBy: byId, concurrency: 8 }))
      assert.deepStrictEqual([report.success, report.failed, report.skipped], [1, 1, 1])
      assert.deepStrictEqual(report.bySkipReason, { HELD_BACK: 1 })
    }).pipe(
      Effect.provide(
        onEmulator({
          queue: [1, 2, 1].map((toString, index) => letter(index, { payload: { id: { toString } } })),
          script: ({ key: name, route }) => (route === "replay" && name === key(0) ? refused : undefined)
        })
      )
    )
  )

  it.effect("is resumed only with an order, and with the same rule for failures", () =>
    Effect.gen(function* () {
      yield* driven(run({ runId: "ordered", limit: 1 }))
      yield* driven(run({ runId: "unordered", limit: 1, orderBy: undefined }))
      const differences = (request: RunRequest) =>
        Effect.map(Effect.flip(run({ limit: 1, ...request })), (error) =>
          error._tag === "CheckpointMismatch" ? error.differences : assert.fail(error._tag)
        )
      assert.deepStrictEqual(yield* differences({ runId: "ordered", orderBy: undefined }), [
        { option: "orderBy", started: "true", given: "false" }
      ])
      assert.deepStrictEqual(yield* differences({ runId: "ordered", orderOnFailure: "release" }), [
        { option: "orderOnFailure", started: "hold", given: "release" }
      ])
      assert.deepStrictEqual(yield* differences({ runId: "unordered" }), [
        { option: "orderBy", started: "false", given: "true" }
      ])
      // What may change freely.
      yield* run({ runId: "ordered", limit: 1, concurrency: 3, maxFailureShare: 0.9, gracePeriod: 0 })
    }).pipe(Effect.provide(onEmulator({ queue: queueOf(["a", "a"]) })))
  )

  it.effect("halts rather than hold back an unlimited number of keys, and can be resumed", () => {
    const size = 10_100
    const keys = Array.from({ length: size }, (_, index) => `k${index}`)
    return Effect.gen(function* () {
      const request = { runId: "r", pageSize: 1000, concurrency: 16, maxFailureShare: 1 }
      const halted = yield* Effect.flip(driven(run(request))).pipe(Effect.provide(library()))
      assert.strictEqual(halted._tag === "ReplayHalted" && halted.reason._tag, "TooManyHeldKeys")
      assert.include(halted.message, "10000 keys")
      const report = yield* driven(run(request)).pipe(Effect.provide(library()))
      assert.deepStrictEqual([report.status, report.letters, report.failed], ["completed", size, size])
    }).pipe(
      Effect.provide(world({ queue: queueOf(keys), script: ({ route }) => (route === "replay" ? refused : undefined) }))
    )
  })
})
