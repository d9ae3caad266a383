import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Layer, Logger, Option, Stream } from "effect"
import {
  HttpClient,
  HttpClientError,
  type HttpClientRequest,
  HttpClientResponse,
  HttpServerResponse
} from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import {
  Emulator,
  EmulatorClient,
  type EmulatorOptions,
  Fault,
  type FaultRoute,
  type FaultScript
} from "../../src/emulator/index.ts"
import {
  Audit,
  AuditError,
  AuditMemory,
  type EventBridgeOptions,
  type SubscriptionAction,
  Subscriptions
} from "../../src/index.ts"
import { definition } from "./support/Definitions.ts"
import { driven, library, onEmulator, settle, stats } from "./support/Harness.ts"

const registryUrl = "https://registry.example.com/hook?key=registry-secret"

/** The library with a registry beside the emulator; the registry's answer is the test's. */
const withRegistry = (
  told: Array<{ readonly headers: HttpClientRequest.HttpClientRequest["headers"]; readonly body: unknown }>,
  answer: (count: number) => number | "reset",
  emulator: EmulatorOptions = {}
) => {
  const client = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(EmulatorClient.make, (emulated) =>
      HttpClient.make((request) => {
        if (!request.url.startsWith("https://registry.example.com/")) return emulated.execute(request)
        const { body, headers } = request
        told.push({
          headers,
          body: body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(body.body)) : null
        })
        const status = answer(told.length)
        return status === "reset"
          ? Effect.fail(
              new HttpClientError.HttpClientError({
                reason: new HttpClientError.TransportError({ request, cause: new Error("socket hang up") })
              })
            )
          : Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status })))
      })
    )
  )
  return library({ registryUrl }).pipe(
    Layer.provideMerge(Layer.mergeAll(Audit.layerMemory, KeyValueStore.layerMemory, client)),
    Layer.provideMerge(Emulator.layer(emulator))
  )
}

const writes = Effect.map(
  Effect.flatMap(Emulator, (emulator) => emulator.stats),
  ({ subscriptionWrites }) => subscriptionWrites
)

const heldDescriptions = Effect.map(
  Effect.flatMap(Emulator, (emulator) => emulator.subscriptions),
  (all) => all.map(({ description, name }) => `${name}: ${String(description)}`)
)

/** What was changed since it was made is not made anew by its first words. */
const isNotWrittenOver = Effect.gen(function* () {
  const subscriptions = yield* Subscriptions
  const { id } = yield* subscriptions.create(definition("n"))
  yield* subscriptions.update(id, definition("n", { description: "second" }))
  const failed = yield* Effect.flip(subscriptions.create(definition("n")))
  assert.deepInclude(failed, { _tag: "WriteNotApplied", id })
  assert.deepStrictEqual(yield* heldDescriptions, ["n: second"])
})

const three = [definition("a"), definition("b"), definition("c")]

const applied = (definitions: ReadonlyArray<unknown>, options?: { readonly prune?: boolean }) =>
  Effect.gen(function* () {
    const subscriptions = yield* Subscriptions
    return yield* subscriptions.apply(yield* subscriptions.plan(definitions, options))
  })

const nameOfAction = (action: SubscriptionAction) => (action._tag === "Delete" ? action.name : action.definition.name)

const actions = (results: ReadonlyArray<{ readonly action: string }>) => results.map(({ action }) => action)

describe("what is declared", () => {
  it.effect("is created once, and then left alone", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(actions(yield* applied(three)), ["create", "create", "create"])
      assert.deepStrictEqual(actions(yield* applied(three)), ["unchanged", "unchanged", "unchanged"])
      assert.deepStrictEqual(yield* writes, { creates: 3, updates: 0, deletes: 0 })
    }).pipe(Effect.provide(onEmulator()))
  )

  it.effect("is the same in another order, with absent defaults, and with what the service adds", () =>
    Effect.gen(function* () {
      const wanted = definition("a", { filters: [], deadLetterQueue: { enabled: true } })
      const { filters: _, ...without } = wanted
      yield* applied([definition("b"), wanted])
      const reordered = definition("b", {
        filters: (definition("b").filters ?? []).toReversed(),
        endpoints: definition("b").endpoints.toReversed()
      })
      assert.deepStrictEqual(actions(yield* applied([reordered, without])), ["unchanged", "unchanged"])
      assert.deepStrictEqual(yield* writes, { creates: 2, updates: 0, deletes: 0 })
    }).pipe(Effect.provide(onEmulator()))
  )

  it.effect("converges whatever digits its numbers take", () =>
    Effect.gen(function* () {
      const value = [4111111111111111, 0.1 + 0.2, 1e-7, 5e-324, -0, Number.MAX_SAFE_INTEGER]
      const wanted = definition("a", { filters: [{ field: "f", operator: "in", value }] })
      assert.deepStrictEqual(actions(yield* applied([wanted])), ["create"])
      assert.deepStrictEqual(actions(yield* applied([wanted])), ["unchanged"])
      const changed = { ...wanted, description: "changed" }
      assert.deepStrictEqual(actions(yield* applied([changed])), ["update"])
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 1, deletes: 0 })
    }).pipe(driven, Effect.provide(onEmulator()))
  )

  it.effect("that differs is shown field by field, before and after", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      yield* applied([definition("a")])
      const { retryConfiguration } = definition("a")
      const changed = definition("a", {
        description: "second",
        endpoints: [{ url: "https://new.example.com/", type: "webhook" }],
        deadLetterQueue: { enabled: true },
        retryConfiguration: { ...retryConfiguration, maxRetries: 9 }
      })
      const plan = yield* subscriptions.plan([changed])
      const [action] = plan.actions
      assert.strictEqual(action?._tag, "Update")
      if (action?._tag !== "Update") return
      assert.deepStrictEqual(
        action.changes.map(({ after, before, field }) => [field, before, after]),
        [
          ["description", "first", "second"],
          [
            "endpoints",
            [
              { url: "https://consumer.example.com/webhook", type: "webhook" },
              { url: "https://other.example.com/queue", type: "queue" }
            ],
            [{ url: "https://new.example.com/", type: "webhook" }]
          ],
          ["deadLetterQueue.endpointUrl", "https://dlq.example.com/events", null],
          ["retryConfiguration.maxRetries", 5, 9]
        ]
      )
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 0 })
    }).pipe(Effect.provide(onEmulator()))
  )

  it.effect("changed back and forth is really changed each time", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      for (const description of ["A", "B", "A", "B", "A", "B"]) {
        yield* subscriptions.ensure(definition("n", { description }))
        assert.deepStrictEqual(yield* heldDescriptions, [`n: ${description}`])
      }
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 5, deletes: 0 })
    }).pipe(driven, Effect.provide(onEmulator()))
  )

  it.effect("and deleted is created anew, not answered with the deleted twin", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const first = yield* subscriptions.create(definition("n"))
      yield* subscriptions.delete(first.id)
      const second = yield* subscriptions.create(definition("n"))
      assert.notStrictEqual(second.id, first.id)
      const emulator = yield* Emulator
      assert.deepStrictEqual(
        (yield* emulator.subscriptions).map(({ id }) => id),
        [second.id]
      )
    }).pipe(driven, Effect.provide(onEmulator()))
  )

  it.effect("identically for two ids is written to both", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const one = yield* subscriptions.create(definition("one"))
      const two = yield* subscriptions.create(definition("two"))
      const same = definition("same", { description: "for both" })
      yield* subscriptions.update(one.id, same)
      yield* subscriptions.update(two.id, same)
      assert.deepStrictEqual(yield* heldDescriptions, ["same: for both", "same: for both"])
    }).pipe(Effect.provide(onEmulator()))
  )

  it.effect("is created and updated with one body under different keys", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const wanted = definition("n")
      const { id } = yield* subscriptions.create(definition("n", { description: "before" }))
      yield* subscriptions.update(id, wanted)
      yield* subscriptions.delete(id)
      yield* subscriptions.create(wanted)
      assert.deepStrictEqual(yield* heldDescriptions, ["n: first"])
    }).pipe(driven, Effect.provide(onEmulator()))
  )

  it.effect("twenty times at once is one subscription", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const results = yield* Effect.all(
        Array.from({ length: 20 }, () => subscriptions.ensure(definition("n"))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(results.map(({ id }) => id)).size, 1)
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 0 })
    }).pipe(Effect.provide(onEmulator()))
  )
})

describe("writes at once", () => {
  it.effect("of one name with different contents make one subscription, and none if the name is ambiguous", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const plan = yield* subscriptions.plan([definition("n", { description: "planned" })])
      yield* Effect.all(
        [
          subscriptions.ensure(definition("n", { description: "A" })),
          subscriptions.ensure(definition("n", { description: "B" })),
          subscriptions.apply(plan)
        ],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(yield* heldDescriptions, ["n: planned"])
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 2, deletes: 0 })
    }).pipe(Effect.provide(onEmulator()))
  )
})

describe("updates at once", () => {
  it.effect("of one subscription take turns: each is computed against what the one before it has left", () => {
    const routes: Array<FaultRoute> = []
    const script: FaultScript = ({ route }) => {
      if (route !== "token") routes.push(route)
      return Fault.Slow({ delay: Duration.millis(50) })
    }
    return Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const update = (description: string) => subscriptions.update("sub_000001", definition("n", { description }))
      yield* driven(Effect.all([update("A"), update("B")], { concurrency: "unbounded" }))
      const turn: ReadonlyArray<FaultRoute> = ["getSubscription", "updateSubscription", "getSubscription"]
      assert.deepStrictEqual(routes, [...turn, ...turn])
      assert.deepStrictEqual(yield* heldDescriptions, ["n: B"])
    }).pipe(Effect.provide(onEmulator({ subscriptions: [definition("n")], script })))
  })
})

describe("a write that fails before it is sent", () => {
  it.effect("is in the audit all the same", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      yield* Effect.flip(subscriptions.create(definition("new")))
      yield* Effect.flip(subscriptions.ensure(definition("new")))
      yield* Effect.flip(subscriptions.update("sub_gone", definition("new")))
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepStrictEqual(
        subscriptionRecords.map(({ operation, status, subscriptionId }) => [operation, status, subscriptionId]),
        [
          ["CREATE", "FAILED", null],
          ["CREATE", "FAILED", null],
          ["UPDATE", "FAILED", "sub_gone"]
        ]
      )
      assert.deepStrictEqual(yield* writes, { creates: 0, updates: 0, deletes: 0 })
    }).pipe(
      Effect.provide(
        onEmulator({ subscriptions: Array.from({ length: 100 }, (_, index) => definition(`held-${index}`)) })
      )
    )
  )
})

describe("a write whose answer was lost", () => {
  const lost: EmulatorOptions = {
    script: ({ attempt, route }) =>
      attempt === 1 && (route === "createSubscription" || route === "updateSubscription")
        ? Fault.ResetAfter()
        : undefined
  }

  it.effect("is one subscription, not two", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const { id } = yield* subscriptions.create(definition("n"))
      yield* subscriptions.update(id, definition("n", { description: "second" }))
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 1, deletes: 0 })
      assert.deepStrictEqual(yield* heldDescriptions, ["n: second"])
    }).pipe(driven, Effect.provide(onEmulator(lost)))
  )

  it.effect("leaves a subscription deleted, for the caller and in the audit", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      yield* subscriptions.delete("sub_000001")
      const missing = yield* Effect.flip(subscriptions.delete("sub_000001"))
      assert.include(missing.message, "404")
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepStrictEqual(
        subscriptionRecords.map(({ operation, status }) => [operation, status]),
        [
          ["DELETE", "SUCCESS"],
          ["DELETE", "FAILED"]
        ]
      )
      assert.deepStrictEqual(yield* writes, { creates: 0, updates: 0, deletes: 1 })
    }).pipe(
      driven,
      Effect.provide(
        onEmulator({
          subscriptions: [definition("a")],
          script: ({ attempt, route }) =>
            route === "deleteSubscription" && attempt === 1 ? Fault.ResetAfter() : undefined
        })
      )
    )
  )

  it.effect("is the same write for a restarted process", () =>
    Effect.gen(function* () {
      const inOneProcess = Effect.gen(function* () {
        return yield* (yield* Subscriptions).create(definition("n"))
      })
      // The first process gets no answer, and cannot look either; the second knows nothing of it.
      const first = yield* inOneProcess.pipe(Effect.provide(library({ retry: { maxRetries: 0 } })), Effect.flip)
      assert.strictEqual(first._tag, "EventBridgeError")
      const second = yield* inOneProcess.pipe(Effect.provide(library()))
      const emulator = yield* Emulator
      assert.deepStrictEqual(
        (yield* emulator.subscriptions).map(({ id }) => id),
        [second.id]
      )
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 0 })
    }).pipe(
      driven,
      Effect.provide(
        Layer.mergeAll(
          EmulatorClient.layerEmulator({
            script: ({ attempt, route }) => {
              if (route === "createSubscription" && attempt === 1) return Fault.ResetAfter()
              return route === "listSubscriptions" && attempt === 2 ? Fault.ResetBefore() : undefined
            }
          }),
          Audit.layerMemory,
          KeyValueStore.layerMemory
        )
      )
    )
  )
})

/** All of a life: the writes, and what is on record of them. */
const livesThrough = Effect.gen(function* () {
  const subscriptions = yield* Subscriptions
  const { description, id } = yield* subscriptions.create(definition("n"))
  assert.deepStrictEqual([id, description], ["sub_000001", "first"])
  const after = yield* subscriptions.update(id, definition("n", { description: "second" }))
  assert.strictEqual(after["description"], "second")
  yield* subscriptions.delete(id)
  assert.deepStrictEqual(yield* writes, { creates: 1, updates: 1, deletes: 1 })
  const { subscriptionRecords } = yield* AuditMemory
  assert.deepStrictEqual(
    subscriptionRecords.map(({ operation, status, subscriptionId }) => [operation, subscriptionId, status]),
    [
      ["CREATE", id, "SUCCESS"],
      ["UPDATE", id, "SUCCESS"],
      ["DELETE", id, "SUCCESS"]
    ]
  )
})

const isWrite = (route: FaultRoute): boolean => /^(?:create|update|delete)Subscription$/.test(route)

describe("a delete that was never sent", () => {
  it.effect("is none, though there is no such subscription", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const failed = yield* Effect.flip(subscriptions.delete("sub_000001"))
      if (failed._tag !== "EventBridgeError") return assert.fail(failed._tag)
      assert.deepStrictEqual([failed.operation, failed.reason._tag], ["Token", "MalformedResponse"])
      assert.deepStrictEqual(Object.keys((yield* stats).requests), ["POST /oauth2/token"])
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepStrictEqual(
        subscriptionRecords.map(({ operation, status }) => `${operation} ${status}`),
        ["DELETE FAILED"]
      )
    }).pipe(
      driven,
      Effect.provide(
        onEmulator({
          script: ({ attempt, route }) =>
            route === "token" && attempt === 1 ? Fault.Answer({ status: 200, body: "<html>" }) : undefined
        })
      )
    )
  )
})

describe("a write that was accepted", () => {
  it.effect("is done, with its id, though no try was ever answered", () =>
    livesThrough.pipe(
      driven,
      Effect.provide(onEmulator({ script: ({ route }) => (isWrite(route) ? Fault.ResetAfter() : undefined) }))
    )
  )

  it.effect("is done, with its id, though the answer is not JSON", () =>
    livesThrough.pipe(
      driven,
      Effect.provide(
        onEmulator({ script: ({ route }) => (isWrite(route) ? Fault.Malformed({ form: "html" }) : undefined) })
      )
    )
  )

  it.effect("by something that answers in place of the service does not count", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      for (const failed of [
        yield* Effect.flip(subscriptions.create(definition("n"))),
        yield* Effect.flip(subscriptions.update("sub_000001", definition("a", { description: "second" }))),
        yield* Effect.flip(subscriptions.delete("sub_000001"))
      ]) {
        if (failed._tag !== "EventBridgeError") return assert.fail(failed._tag)
        assert.strictEqual(failed.reason._tag, "MalformedResponse")
      }
      assert.deepStrictEqual(yield* heldDescriptions, ["a: first"])
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepStrictEqual(
        subscriptionRecords.map(({ operation, status }) => `${operation} ${status}`),
        ["CREATE FAILED", "UPDATE FAILED", "DELETE FAILED"]
      )
    }).pipe(
      driven,
      Effect.provide(
        onEmulator({
          subscriptions: [definition("a")],
          script: ({ route }) =>
            isWrite(route) ? Fault.Answer({ status: 200, body: "<html>Sign in</html>" }) : undefined
        })
      )
    )
  )

  it.effect("and was neither answered nor seen since fails as what was sent", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const failed = yield* Effect.flip(subscriptions.create(definition("n")))
      if (failed._tag !== "EventBridgeError") return assert.fail(failed._tag)
      assert.deepStrictEqual([failed.operation, failed.ambiguous], ["CreateSubscription", true])
    }).pipe(
      driven,
      Effect.provide(
        onEmulator(
          {
            script: ({ attempt, route }) =>
              isWrite(route) || (route === "listSubscriptions" && attempt > 1) ? Fault.ResetAfter() : undefined
          },
          { breaker: { failures: 100 } }
        )
      )
    )
  )

  it.effect.each([
    [
      "answered",
      undefined,
      '"n" (sub_000001) may have been written, but could not be read back: GetSubscription: ',
      "sub_000001"
    ],
    ["409", 409, '"n" may have been written, but could not be read back: ListSubscriptions: ', null]
  ] as const)("(%s) and cannot be read back is told with what is known of it", ([, status, message, id]) =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const failed = yield* Effect.flip(subscriptions.create(definition("n")))
      assert.strictEqual(failed._tag, "WriteUnconfirmed")
      assert.include(failed.message, message)
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepStrictEqual(
        subscriptionRecords.map(({ status: kept, subscriptionId }) => [subscriptionId, kept]),
        [[id, "FAILED"]]
      )
      assert.include(subscriptionRecords[0]?.details ?? "", message)
    }).pipe(
      driven,
      Effect.provide(
        onEmulator({
          script: ({ attempt, route }) => {
            if (route === "createSubscription") return status && Fault.Answer({ status })
            return route === "getSubscription" || (route === "listSubscriptions" && attempt > 1)
              ? Fault.Answer({ status: 403 })
              : undefined
          }
        })
      )
    )
  )
})

describe("a create of what is held as described", () => {
  it.effect("makes no second one when the service has forgotten the key, or never knew it", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const { id } = yield* subscriptions.create(definition("n"))
      yield* TestClock.adjust("2 hours")
      assert.strictEqual((yield* subscriptions.create(definition("n"))).id, id)
      yield* subscriptions.update(id, definition("n", { description: "second" }))
      assert.strictEqual((yield* subscriptions.create(definition("n", { description: "second" }))).id, id)
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 1, deletes: 0 })
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepStrictEqual(
        subscriptionRecords.map(({ operation, status }) => `${operation} ${status}`),
        ["CREATE SUCCESS", "CREATE UNCHANGED", "UPDATE SUCCESS", "CREATE UNCHANGED"]
      )
    }).pipe(Effect.provide(onEmulator({ keyRetention: "1 hour" })))
  )

  it.effect("needs no room", () =>
    Effect.gen(function* () {
      const { id } = yield* (yield* Subscriptions).create(definition("held-99"))
      assert.strictEqual(id, "sub_000100")
    }).pipe(
      Effect.provide(
        onEmulator({ subscriptions: Array.from({ length: 100 }, (_, index) => definition(`held-${index}`)) })
      )
    )
  )
})

describe("a service that answers 409 to a key it knows", () => {
  const conflicting: FaultScript = ({ attempt, route }) =>
    attempt > 1 && (route === "createSubscription" || route === "updateSubscription")
      ? Fault.Answer({ status: 409, body: '{"message":"the key was used before"}' })
      : undefined

  it.effect("has accepted what was sent before", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const { id } = yield* subscriptions.create(definition("n"))
      assert.strictEqual(id, "sub_000001")
      yield* subscriptions.update(id, definition("n", { description: "second" }))
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 1, deletes: 0 })
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepStrictEqual(
        subscriptionRecords.map(({ operation, status, subscriptionId }) => [operation, subscriptionId, status]),
        [
          ["CREATE", id, "SUCCESS"],
          ["UPDATE", id, "SUCCESS"]
        ]
      )
    }).pipe(
      driven,
      Effect.provide(
        onEmulator({
          script: (request) =>
            request.attempt === 1 && /^(?:create|update)/.test(request.route)
              ? Fault.ResetAfter()
              : conflicting(request)
        })
      )
    )
  )

  it.effect("is asked again under another key if nothing was done", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const first = yield* subscriptions.create(definition("n", { description: "A" }))
      for (const description of ["B", "A", "B", "A"]) {
        yield* subscriptions.update(first.id, definition("n", { description }))
        assert.deepStrictEqual(yield* heldDescriptions, [`n: ${description}`])
      }
      yield* subscriptions.delete(first.id)
      yield* subscriptions.create(definition("n", { description: "A" }))
      assert.deepStrictEqual(yield* heldDescriptions, ["n: A"])
      assert.deepStrictEqual(yield* writes, { creates: 2, updates: 4, deletes: 1 })
    }).pipe(driven, Effect.provide(onEmulator({ script: conflicting })))
  )

  it.effect("and holds something else is reported, not overwritten", () =>
    isNotWrittenOver.pipe(driven, Effect.provide(onEmulator({ script: conflicting })))
  )

  it.effect("about something other than the key is reported in the service's words, after a few keys", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const { id } = yield* subscriptions.create(definition("n"))
      const failed = yield* Effect.flip(subscriptions.update(id, definition("n", { description: "other" })))
      assert.include(failed.message, "the name is in use")
      const { requests } = yield* stats
      assert.deepStrictEqual(requests["PUT /api/v2/eventbridge/subscriptions/:id"], { 409: 8 })
    }).pipe(
      driven,
      Effect.provide(
        onEmulator({
          script: ({ route }) =>
            route === "updateSubscription"
              ? Fault.Answer({ status: 409, body: '{"message":"the name is in use"}' })
              : undefined
        })
      )
    )
  )
})

/** The emulator behind a service that answers reads of one subscription, and lists, in its own way. */
const behind = (
  answer: (text: string, read: number) => { readonly status: number; readonly text: string },
  list: (text: string) => string = (text) => text,
  emulator: EmulatorOptions = {}
) => {
  const reads = new Map<string, number>()
  const client = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(EmulatorClient.make, (emulated) =>
      HttpClient.make((request) =>
        Effect.gen(function* () {
          const response = yield* emulated.execute(request)
          if (request.method !== "GET") return response
          const read = (reads.get(request.url) ?? 0) + 1
          reads.set(request.url, read)
          const held = yield* response.text
          const { status, text } = /subscriptions\/sub_\d+$/.test(request.url)
            ? answer(held, read)
            : { status: response.status, text: list(held) }
          return HttpServerResponse.toClientResponse(HttpServerResponse.text(text, { status }), { request })
        })
      )
    )
  )
  return library().pipe(
    Layer.provideMerge(Layer.mergeAll(Audit.layerMemory, KeyValueStore.layerMemory, client)),
    Layer.provideMerge(Emulator.layer(emulator))
  )
}

describe("a service that", () => {
  it.effect("shows a new subscription only after some seconds is asked for one", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const { name } = yield* subscriptions.create(definition("a"))
      assert.strictEqual(name, "a")
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 0 })
    }).pipe(
      driven,
      Effect.provide(behind((text, read) => (read < 6 ? { status: 404, text: "" } : { status: 200, text })))
    )
  )

  it.effect("takes a moment to show what it has done is written to once", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(actions(yield* applied(three)), ["create", "create", "create"])
      assert.deepStrictEqual(yield* writes, { creates: 3, updates: 0, deletes: 0 })
    }).pipe(
      driven,
      Effect.provide(
        behind((text, read) => (read <= 2 ? { status: 404, text: '{"message":"not yet"}' } : { status: 200, text }))
      )
    )
  )

  it.effect("spells URLs in its own way is no difference", () => {
    const normalized = (text: string) => text.replaceAll("HTTPS://A.Example.com?", "https://a.example.com/?")
    const wanted = definition("a", {
      endpoints: [{ url: "HTTPS://A.Example.com?x=1", type: "webhook" }],
      deadLetterQueue: { enabled: true, endpointUrl: "HTTPS://A.Example.com?y=1" }
    })
    return Effect.gen(function* () {
      assert.deepStrictEqual(actions(yield* applied([wanted])), ["create"])
      assert.deepStrictEqual(actions(yield* applied([wanted])), ["unchanged"])
    }).pipe(driven, Effect.provide(behind((text) => ({ status: 200, text: normalized(text) }), normalized)))
  })

  it.effect("holds another URL is reported without the query, in the message and in the audit", () => {
    const wanted = definition("a", {
      endpoints: [{ url: "https://a.example.com/hook?sig=s3cr3t", type: "webhook" }],
      deadLetterQueue: { enabled: true, endpointUrl: "https://dlq.example.com/?sig=s3cr3t#s3cr3t" }
    })
    const other = (text: string) =>
      text.replaceAll("a.example.com", "user:s3cr3t@b.example.com").replaceAll("dlq.example.com", "DLQ 2.example.com")
    return Effect.gen(function* () {
      const failed = yield* Effect.flip((yield* Subscriptions).create(wanted))
      assert.include(
        failed.message,
        'endpoints is [{"url":"https://b.example.com/hook?…","type":"webhook"}], not [{"url":"https://a.example.com/hook?…"'
      )
      assert.include(failed.message, '"https://DLQ 2.example.com/?…", not "https://dlq.example.com/?…"')
      const { subscriptionRecords } = yield* AuditMemory
      assert.notInclude(`${failed.message}${JSON.stringify(subscriptionRecords)}`, "s3cr3t")
    }).pipe(driven, Effect.provide(behind((text) => ({ status: 200, text: other(text) }))))
  })

  it.effect("lists one twice is understood to hold one", () => {
    const twice = (text: string): string => {
      const { subscriptions, ...rest } = JSON.parse(text)
      return JSON.stringify({ ...rest, subscriptions: [...subscriptions, ...subscriptions] })
    }
    return Effect.gen(function* () {
      assert.deepStrictEqual(actions(yield* applied([definition("a")])), ["create"])
      assert.deepStrictEqual(actions(yield* applied([definition("a")])), ["unchanged"])
      assert.strictEqual((yield* (yield* Subscriptions).ensure(definition("a"))).action, "unchanged")
    }).pipe(driven, Effect.provide(behind((text) => ({ status: 200, text }), twice)))
  })

  it.effect("holds it under a name of its own is not asked for a twin, however often it is applied", () => {
    const lowerCased = (text: string) => text.replaceAll("Orders", "orders")
    return Effect.gen(function* () {
      for (let time = 0; time < 3; time++) {
        const failed = yield* Effect.flip(applied([definition("Orders")]))
        assert.include(failed.message, '(sub_000001) was written, but name is "orders", not "Orders"')
      }
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 0 })
    }).pipe(driven, Effect.provide(behind((text) => ({ status: 200, text: lowerCased(text) }), lowerCased)))
  })

  it.effect("answers a create from memory with what was renamed since is asked for the one that is missing", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const { id } = yield* subscriptions.create(definition("old"))
      yield* subscriptions.update(id, definition("renamed"))
      assert.deepStrictEqual(actions(yield* applied([definition("old")], { prune: true })), ["create", "delete"])
      assert.deepStrictEqual(actions(yield* applied([definition("old")], { prune: true })), ["unchanged"])
      assert.deepStrictEqual(yield* heldDescriptions, ["old: first"])
    }).pipe(driven, Effect.provide(onEmulator()))
  )

  it.effect("answers a create from memory with what was changed since is not asked for a twin", () =>
    isNotWrittenOver.pipe(driven, Effect.provide(onEmulator()))
  )

  it.effect("writes its numbers in another way is no difference", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(actions(yield* applied(three)), ["create", "create", "create"])
    }).pipe(
      driven,
      Effect.provide(
        behind((text) => ({
          status: 200,
          text: text.replace("10000", "1e4").replace('"maxRetries":5', '"maxRetries":5.0')
        }))
      )
    )
  )

  it.effect("holds it in its own words is written to once, and the difference is reported with the id", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(applied([definition("a")]))
      assert.strictEqual(failed._tag, "ApplyIncomplete")
      assert.include(failed.message, "(sub_000001) was written, but endpoints is")
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 0 })
    }).pipe(
      driven,
      Effect.provide(
        behind((text) => ({ status: 200, text: text.replaceAll("example.com/webhook", "example.com/webhook/") }))
      )
    )
  )
})

describe("a service that makes something else of an update", () => {
  it.effect("is written to once: the difference is reported, and not overwritten", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const failed = yield* Effect.flip(subscriptions.update("sub_000001", definition("n", { description: "second" })))
      assert.strictEqual(failed._tag, "WriteNotApplied")
      assert.include(failed.message, 'description is "Second.", not "second"')
      assert.deepStrictEqual(yield* writes, { creates: 0, updates: 1, deletes: 0 })
    }).pipe(
      driven,
      Effect.provide(
        behind((text) => ({ status: 200, text: text.replace('"second"', '"Second."') }), undefined, {
          subscriptions: [definition("n")]
        })
      )
    )
  )
})

/** The first request of a route is refused. */
const refusing = (refused: FaultRoute): EmulatorOptions => {
  let count = 0
  return {
    script: ({ route }) =>
      route === refused && ++count === 1 ? Fault.Answer({ status: 422, body: '{"message":"no"}' }) : undefined
  }
}

describe("the quota", () => {
  const held = (count: number): EmulatorOptions => ({
    subscriptions: Array.from({ length: count }, (_, index) => definition(`held-${index}`))
  })

  it.effect("refuses the 101st before any write", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const wanted = [definition("held-0", { description: "changed" }), definition("new-1"), definition("new-2")]
      const refused = yield* Effect.flip(subscriptions.plan(wanted))
      assert.strictEqual(refused._tag, "QuotaExceeded")
      assert.include(refused.message, "101")
      const created = yield* Effect.flip(
        Effect.andThen(subscriptions.create(definition("new-1")), subscriptions.create(definition("new-2")))
      )
      assert.strictEqual(created._tag, "QuotaExceeded")
      const ensured = yield* Effect.flip(subscriptions.ensure(definition("new-2")))
      assert.strictEqual(ensured._tag, "QuotaExceeded")
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 0 })
    }).pipe(Effect.provide(onEmulator(held(99))))
  )

  it.effect("is looked at again when a plan is applied", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const plan = yield* subscriptions.plan([definition("new")])
      yield* subscriptions.create(definition("meanwhile"))
      assert.strictEqual((yield* Effect.flip(subscriptions.apply(plan)))._tag, "QuotaExceeded")
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 0 })
    }).pipe(Effect.provide(onEmulator(held(99))))
  )

  it.effect("has room for what is pruned: as much goes first as a create needs, all else last", () =>
    Effect.gen(function* () {
      const results = yield* applied([definition("new-1"), definition("new-2")], { prune: true })
      assert.deepStrictEqual(actions(results).slice(0, 5), ["delete", "create", "delete", "create", "delete"])
      assert.deepStrictEqual(yield* writes, { creates: 2, updates: 0, deletes: 100 })
    }).pipe(Effect.provide(onEmulator(held(100))))
  )

  it.effect("costs one subscription, not all, if the create it makes room for is refused", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(applied([definition("new-1"), definition("new-2")], { prune: true }))
      assert.strictEqual(failed._tag, "ApplyIncomplete")
      if (failed._tag !== "ApplyIncomplete") return
      assert.deepStrictEqual(actions(failed.results), ["delete", "create"])
      assert.lengthOf(failed.heldBack, 99)
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 1 })
    }).pipe(Effect.provide(onEmulator({ ...held(100), ...refusing("createSubscription") })))
  )

  it.effect("has no room for a create whose deletion is held back", () =>
    Effect.gen(function* () {
      const wanted = [definition("held-0", { description: "changed" }), definition("new")]
      const failed = yield* Effect.flip(applied(wanted, { prune: true }))
      if (failed._tag !== "ApplyIncomplete") return assert.fail(failed._tag)
      assert.include(failed.problems, "new: not created, because there is no room before another is deleted")
      assert.include(failed.problems, "held-1: not deleted, because what failed may be what replaces it")
      assert.lengthOf(failed.failures, 1)
      assert.deepStrictEqual(yield* writes, { creates: 0, updates: 0, deletes: 0 })
    }).pipe(Effect.provide(onEmulator({ ...held(100), ...refusing("updateSubscription") })))
  )
})

describe("a plan", () => {
  it.effect("refuses two subscriptions of one name and names both", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const emulator = yield* Emulator
      const plan = yield* subscriptions.plan([definition("a", { description: "changed" }), definition("z")])
      yield* emulator.duplicateSubscription("sub_000001")
      const [first, second] = (yield* emulator.subscriptions).map(({ id }) => id)
      for (const refused of [
        yield* Effect.flip(subscriptions.apply(plan)),
        yield* Effect.flip(subscriptions.plan([definition("a")])),
        yield* Effect.flip(subscriptions.ensure(definition("a")))
      ]) {
        assert.strictEqual(refused._tag, "AmbiguousName")
        assert.include(refused.message, `${first}, ${second}`)
      }
      assert.deepStrictEqual(yield* writes, { creates: 0, updates: 0, deletes: 0 })
    }).pipe(Effect.provide(onEmulator({ subscriptions: [definition("a")] })))
  )

  it.effect("creates again what was deleted behind its back", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const emulator = yield* Emulator
      const plan = yield* subscriptions.plan([definition("a"), definition("b", { description: "changed" })])
      yield* emulator.removeSubscription("sub_000001")
      yield* emulator.removeSubscription("sub_000002")
      assert.deepStrictEqual(actions(yield* subscriptions.apply(plan)), ["create", "create"])
      assert.deepStrictEqual(yield* heldDescriptions, ["a: first", "b: changed"])
    }).pipe(Effect.provide(onEmulator({ subscriptions: [definition("a"), definition("b")] })))
  )

  it.effect("does not create twice what somebody else has created by now", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const plan = yield* subscriptions.plan([definition("a")])
      yield* subscriptions.create(definition("a", { description: "by somebody else" }))
      assert.deepStrictEqual(actions(yield* subscriptions.apply(plan)), ["update"])
      assert.deepStrictEqual(yield* heldDescriptions, ["a: first"])
    }).pipe(Effect.provide(onEmulator()))
  )

  it.effect("records no failure for a deletion that somebody else was quicker with", () =>
    Effect.gen(function* () {
      const plan = yield* (yield* Subscriptions).plan([], { prune: true })
      assert.deepStrictEqual(actions(yield* (yield* Subscriptions).apply(plan)), ["delete"])
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepStrictEqual(
        subscriptionRecords.map(({ details, operation, status }) => [operation, status, details]),
        [["DELETE", "UNCHANGED", "it is gone already"]]
      )
    }).pipe(
      Effect.provide(
        onEmulator({
          subscriptions: [definition("a")],
          script: ({ route }) => (route === "deleteSubscription" ? Fault.Answer({ status: 404 }) : undefined)
        })
      )
    )
  )

  it.effect("reports no update if somebody else has made it meanwhile", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const [result] = yield* subscriptions.apply(yield* subscriptions.plan([definition("n", { description: "new" })]))
      assert.deepInclude(result, { action: "unchanged", changes: [] })
      assert.deepStrictEqual(yield* writes, { creates: 0, updates: 0, deletes: 0 })
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepInclude(subscriptionRecords.at(-1), { operation: "UPDATE", status: "UNCHANGED" })
    }).pipe(
      // Read by itself, it is already what it was in the list to become.
      Effect.provide(
        behind(
          (text) => ({ status: 200, text: text.replace('"description":"first"', '"description":"new"') }),
          (text) => text,
          { subscriptions: [definition("n")] }
        )
      )
    )
  )

  it.effect("prunes what it lists and nothing else, and only when asked", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      assert.deepStrictEqual(actions(yield* applied([definition("a")])), ["unchanged"])
      const plan = yield* subscriptions.plan([definition("a")], { prune: true })
      yield* subscriptions.create(definition("later"))
      const results = yield* subscriptions.apply(plan)
      assert.deepStrictEqual(
        results.map(({ action, name }) => `${action} ${name}`),
        ["unchanged a", "delete b"]
      )
      assert.deepStrictEqual(yield* heldDescriptions, ["a: first", "later: first"])
    }).pipe(Effect.provide(onEmulator({ subscriptions: [definition("a"), definition("b")] })))
  )

  it.effect.each(["createSubscription", "updateSubscription"] as const)(
    "deletes nothing after a %s that failed, and says so",
    (route) =>
      Effect.gen(function* () {
        const wanted = [definition("a", { description: "changed" }), definition("new")]
        const failed = yield* Effect.flip(applied(wanted, { prune: true }))
        assert.strictEqual(failed._tag, "ApplyIncomplete")
        if (failed._tag !== "ApplyIncomplete") return
        assert.deepStrictEqual(
          failed.heldBack.map(({ action }) => nameOfAction(action)),
          ["old"]
        )
        assert.include(failed.message, "\nold: not deleted, because what failed may be what replaces it")
        assert.include((yield* heldDescriptions).join(), "old: first")
        // What was in the way is gone: the same again does the rest.
        assert.deepStrictEqual(actions(yield* applied(wanted, { prune: true })).at(-1), "delete")
      }).pipe(Effect.provide(onEmulator({ subscriptions: [definition("old"), definition("a")], ...refusing(route) })))
  )

  it.effect("does what it can, and names what it could not do", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(applied(three))
      assert.strictEqual(failed._tag, "ApplyIncomplete")
      if (failed._tag !== "ApplyIncomplete") return
      assert.deepStrictEqual(actions(failed.results), ["create", "create"])
      assert.deepStrictEqual(
        failed.failures.map(({ name }) => name),
        ["b"]
      )
      assert.include(failed.message, "b: CreateSubscription")
      assert.deepStrictEqual(yield* heldDescriptions, ["a: first", "c: first"])
    }).pipe(
      Effect.provide(
        onEmulator({
          script: (() => {
            let creates = 0
            return ({ route }) =>
              route === "createSubscription" && ++creates === 2
                ? Fault.Answer({ status: 400, body: '{"message":"no"}' })
                : undefined
          })()
        })
      )
    )
  )

  it.effect("waits for a service that is down once, not for each action anew", () => {
    let isDown = false
    return Effect.gen(function* () {
      const names = Array.from({ length: 9 }, (_, index) => `n-${index}`)
      const failed = yield* driven(Effect.flip(applied(names.map((name) => definition(name)))), 1000)
      if (failed._tag !== "ApplyIncomplete") return assert.fail(failed._tag)
      const waited = failed.failures.findIndex(
        ({ error }) => error._tag === "EventBridgeError" && error.reason._tag === "ServiceUnavailable"
      )
      assert.isAtLeast(waited, 0)
      assert.lengthOf(failed.failures, waited + 1)
      assert.deepStrictEqual(
        failed.problems.slice(waited + 1),
        names.slice(waited + 1).map((name) => `${name}: not tried, because the service is down`)
      )
    }).pipe(
      Effect.provide(
        onEmulator({
          script: ({ route }) => {
            isDown ||= route === "createSubscription"
            return isDown ? Fault.ServerError({ status: 503, form: "empty" }) : undefined
          }
        })
      )
    )
  })

  it.effect("is not made of invalid definitions: every issue of all of them, and nothing is sent", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const invalid = [
        { ...definition("a"), endpoints: [{ url: "http://plain.example.com", type: "webhook" }], eventType: "nope" },
        definition("b"),
        {
          ...definition("b"),
          retryConfiguration: { maxRetries: -1, backoffStrategy: "linear", initialDelayMs: 9, maxDelayMs: 1 },
          filter: []
        }
      ]
      const refused = yield* Effect.flip(subscriptions.plan(invalid))
      assert.strictEqual(refused._tag, "InvalidSubscription")
      if (refused._tag !== "InvalidSubscription") return
      assert.deepStrictEqual(refused.issues.map(({ path }) => path).toSorted(), [
        "[0].endpoints[0].url",
        "[0].eventType",
        "[2].filter",
        "[2].name",
        "[2].retryConfiguration.initialDelayMs",
        "[2].retryConfiguration.maxRetries"
      ])
      const emulator = yield* Emulator
      assert.deepStrictEqual((yield* emulator.stats).requests, {})
    }).pipe(Effect.provide(onEmulator()))
  )

  it.effect("is not made of something that is not a list, as a file may hold it", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      for (const text of [JSON.stringify(definition("a")), "null", '"a"', "{}"]) {
        const refused = yield* Effect.flip(subscriptions.plan(JSON.parse(text)))
        assert.strictEqual(refused._tag, "InvalidSubscription")
        assert.strictEqual(refused.message, "definition: Expected array")
      }
    }).pipe(Effect.provide(onEmulator()))
  )

  it.effect("accepts event types and operators the caller adds", () => {
    const wanted = definition("a", {
      eventType: "agent.state.changed",
      filters: [{ field: "x", operator: "near", value: 1 }]
    })
    const options: Partial<EventBridgeOptions> = {
      vocabulary: { eventTypes: ["agent.state.changed"], operators: ["near"] }
    }
    return Effect.gen(function* () {
      assert.deepStrictEqual(actions(yield* applied([wanted])), ["create"])
    }).pipe(Effect.provide(onEmulator({}, options)))
  })
})

describe("the list", () => {
  it.effect("is on record even if its reader stops early", () =>
    Effect.gen(function* () {
      const { list } = yield* Subscriptions
      yield* Stream.runDrain(list)
      yield* Stream.runHead(list)
      yield* Effect.flip(Stream.runForEach(list, () => Effect.fail("enough")))
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepStrictEqual(
        subscriptionRecords.map(({ details, operation, status }) => [operation, status, details]),
        [
          ["LIST", "SUCCESS", "3 subscriptions"],
          ["LIST", "SUCCESS", "1 subscriptions, not read to the end"],
          ["LIST", "SUCCESS", "1 subscriptions, not read to the end"]
        ]
      )
    }).pipe(Effect.provide(onEmulator({ subscriptions: three })))
  )

  it.effect("is on record as interrupted where nobody waits for it any more", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Stream.runDrain((yield* Subscriptions).list))
      yield* settle
      yield* Fiber.interrupt(fiber)
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepStrictEqual(
        subscriptionRecords.map(({ details, operation, status }) => [operation, status, details]),
        [["LIST", "FAILED", "interrupted"]]
      )
    }).pipe(
      Effect.provide(
        onEmulator({
          script: ({ route }) =>
            route === "listSubscriptions" ? Fault.Slow({ delay: Duration.seconds(10) }) : undefined
        })
      )
    )
  )

  it.effect("comes whole over ragged pages", () =>
    Effect.gen(function* () {
      const all = yield* Stream.runCollect((yield* Subscriptions).list)
      assert.lengthOf(new Set(all.map(({ id }) => id)).values().toArray(), 87)
      assert.lengthOf(all, 87)
    }).pipe(
      Effect.provide(
        onEmulator({ pages: "ragged", subscriptions: Array.from({ length: 87 }, (_, i) => definition(`n${i}`)) })
      )
    )
  )
})

describe("delivery", () => {
  it.effect("is confirmed once it is active without an error", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const { id } = yield* subscriptions.create(definition("n"))
      const started = yield* Clock.currentTimeMillis
      const status = yield* driven(subscriptions.confirmDelivery(id), 100)
      assert.deepStrictEqual(status, { state: "active" })
      const waited = (yield* Clock.currentTimeMillis) - started
      // The third poll: after 1 s and 2 s more, each ±20 %.
      assert.isAtLeast(waited, 2400)
      assert.isAtMost(waited, 3800)
    }).pipe(Effect.provide(onEmulator()))
  )

  it.effect("that never comes fails with the last state, the last error and the number of polls", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const { id } = yield* subscriptions.create(definition("n"))
      const failed = yield* driven(Effect.flip(subscriptions.confirmDelivery(id)), 1000)
      assert.strictEqual(failed._tag, "DeliveryNotConfirmed")
      if (failed._tag !== "DeliveryNotConfirmed") return
      assert.deepInclude(failed, { subscriptionId: id, state: "error", lastDeliveryError: "HTTP 502", polls: 10 })
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepInclude(subscriptionRecords.at(-1), { operation: "CONFIRM_DELIVERY", status: "FAILED" })
    }).pipe(Effect.provide(onEmulator({ delivery: { error: "HTTP 502" } })))
  )

  it.effect("is watched: each change once", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const { id } = yield* subscriptions.create(definition("n"))
      const watching = yield* Effect.forkChild(subscriptions.watch(id).pipe(Stream.take(2), Stream.runCollect))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        (yield* Fiber.join(watching)).map(({ state }) => state),
        ["pending", "active"]
      )
    }).pipe(Effect.provide(onEmulator({ delivery: { activeAfterPolls: 4 } })))
  )
})

describe("the registry", () => {
  it.effect("is notified as the contract says, and again when that fails", () => {
    const told: Parameters<typeof withRegistry>[0] = []
    return Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      yield* driven(subscriptions.syncRegistry("sub\u0007 1", "active"))
      assert.lengthOf(told, 3)
      assert.strictEqual(told[0]?.headers["x-event-source"], "cxone-eventbridge")
      const at = new Date(0).toISOString()
      assert.deepInclude(told[2]?.body, { subscriptionId: "sub\u0007 1", state: "active" })
      assert.deepStrictEqual(told[0]?.body, { subscriptionId: "sub\u0007 1", state: "active", timestamp: at })
    }).pipe(Effect.provide(withRegistry(told, (count) => (count === 1 ? "reset" : count === 2 ? 503 : 204))))
  })

  it.effect("that refuses is a failure of its own: the subscription stays, the URL is not shown", () => {
    const told: Parameters<typeof withRegistry>[0] = []
    return Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const { id } = yield* subscriptions.create(definition("n"))
      const failed = yield* driven(Effect.flip(subscriptions.syncRegistry(id, "active")))
      assert.strictEqual(failed._tag, "RegistrySyncFailed")
      assert.include(failed.message, "400")
      assert.notInclude(`${failed.message}${JSON.stringify(failed)}`, "registry-secret")
      assert.deepStrictEqual(yield* heldDescriptions, ["n: first"])
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepInclude(subscriptionRecords.at(-1), {
        operation: "SYNC_REGISTRY",
        subscriptionId: id,
        status: "FAILED"
      })
    }).pipe(Effect.provide(withRegistry(told, () => 400)))
  })
})

/** The library with an audit that keeps so many records and no more. */
const withFullAudit = (room: number, emulator: EmulatorOptions) => {
  let left = room
  const audit = Layer.succeed(Audit, {
    record: () => (left-- > 0 ? Effect.void : Effect.fail(new AuditError({ sink: "audit.jsonl", detail: "ENOSPC" }))),
    head: Effect.undefined
  })
  return library().pipe(
    Layer.provideMerge(Layer.mergeAll(audit, KeyValueStore.layerMemory, EmulatorClient.layerEmulator(emulator)))
  )
}

it.effect(
  "a subscription that has another name since the plan is not deleted in place of the one that was planned",
  () => {
    const logs: Array<unknown> = []
    return Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const planned = yield* subscriptions.plan([definition("b")], { prune: true })
      assert.deepStrictEqual(planned.actions.map(nameOfAction), ["b", "old"])
      yield* subscriptions.update("sub_000001", definition("important"))
      yield* subscriptions.apply(planned)
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 1, deletes: 0 })
      assert.deepStrictEqual(logs.flat(), [
        'sub_000001 was to be deleted as "old" and is "important" now: it is left as it is'
      ])
    }).pipe(
      driven,
      Effect.provide(onEmulator({ subscriptions: [definition("old")] })),
      Effect.provide(Logger.layer([Logger.make(({ message }) => void logs.push(message))]))
    )
  }
)

describe("the audit", () => {
  it.effect("that is full stops what depends on it", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(applied(three, { prune: true }))
      assert.strictEqual(failed._tag, "ApplyIncomplete")
      if (failed._tag !== "ApplyIncomplete") return
      assert.deepStrictEqual(
        failed.results.map(({ name }) => name),
        ["a"]
      )
      assert.deepStrictEqual(
        failed.failures.map(({ error, name }) => [name, error._tag]),
        [["b", "AuditError"]]
      )
      assert.deepStrictEqual(
        failed.heldBack.map(({ action }) => nameOfAction(action)),
        ["c", "old"]
      )
      assert.include(failed.message, "\nold: not tried, because no record of it could be kept")
      assert.deepStrictEqual(yield* writes, { creates: 2, updates: 0, deletes: 0 })
    }).pipe(Effect.provide(withFullAudit(1, { subscriptions: [definition("old")] })))
  )

  it.effect.each(["create", "update", "delete"] as const)(
    "has a %s that was interrupted after it was accepted",
    (operation) =>
      Effect.gen(function* () {
        const subscriptions = yield* Subscriptions
        const operations = {
          create: subscriptions.create(definition("b")),
          update: subscriptions.update("sub_000001", definition("a", { description: "changed" })),
          delete: subscriptions.delete("sub_000001")
        }
        const fiber = yield* Effect.forkChild(operations[operation])
        yield* Effect.repeat(Effect.andThen(settle, writes), {
          until: ({ creates, deletes, updates }) => creates + updates + deletes === 1
        })
        yield* Fiber.interrupt(fiber)
        const { subscriptionRecords } = yield* AuditMemory
        assert.deepStrictEqual(
          subscriptionRecords.map(({ details, status, ...record }) => [record.operation, status, details]),
          [
            [
              operation.toUpperCase(),
              "FAILED",
              `${operation === "create" ? "b: " : ""}interrupted; it may have been done`
            ]
          ]
        )
      }).pipe(
        Effect.provide(
          onEmulator({
            subscriptions: [definition("a")],
            script: ({ route }) =>
              /^(?:create|update|delete)Subscription$/.test(route) ? Fault.ResetAfter() : undefined
          })
        )
      )
  )

  it.effect.each([
    ["create", "POST", "b: ended by a defect; it may have been done"],
    ["update", "GET", "ended by a defect"],
    ["update", "PUT", "ended by a defect; it may have been done"],
    ["delete", "DELETE", "ended by a defect; it may have been done"],
    ["get", "GET", "ended by a defect"]
  ] as const)("has a %s whose %s a defect ended", ([operation, method, said]) => {
    const breaking = Layer.effect(
      HttpClient.HttpClient,
      Effect.map(HttpClient.HttpClient, (client) =>
        HttpClient.mapRequestEffect(client, (request) =>
          request.url.includes("/subscriptions") && request.method === method
            ? Effect.die(new Error("on purpose"))
            : Effect.succeed(request)
        )
      )
    )
    const emulator = onEmulator({ subscriptions: [definition("a")] })
    return Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const operations = {
        create: subscriptions.create(definition("b")),
        update: subscriptions.update("sub_000001", definition("a", { description: "changed" })),
        delete: subscriptions.delete("sub_000001"),
        get: subscriptions.get("sub_000001")
      }
      const exit = yield* Effect.exit(operations[operation])
      assert.isTrue(Exit.hasDies(exit))
      assert.deepStrictEqual(
        (yield* AuditMemory).subscriptionRecords.map(({ details, status, ...record }) => [
          record.operation,
          status,
          details
        ]),
        [[operation.toUpperCase(), "FAILED", said]]
      )
    }).pipe(Effect.provide(library().pipe(Layer.provide(breaking), Layer.provideMerge(emulator))))
  })

  it.effect("has each operation, with its key or its failure", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const { id } = yield* subscriptions.create(definition("n"))
      yield* subscriptions.update(id, definition("n", { description: "second" }))
      yield* subscriptions.update(id, definition("n", { description: "second" }))
      yield* subscriptions.get(id)
      yield* Stream.runDrain(subscriptions.list)
      yield* subscriptions.delete(id)
      yield* Effect.flip(subscriptions.get(id))
      const { subscriptionRecords } = yield* AuditMemory
      assert.deepStrictEqual(
        subscriptionRecords.map(({ operation, status, subscriptionId }) => [operation, subscriptionId, status]),
        [
          ["CREATE", id, "SUCCESS"],
          ["UPDATE", id, "SUCCESS"],
          ["UPDATE", id, "UNCHANGED"],
          ["GET", id, "SUCCESS"],
          ["LIST", null, "SUCCESS"],
          ["DELETE", id, "SUCCESS"],
          ["GET", id, "FAILED"]
        ]
      )
      assert.match(subscriptionRecords[0]?.details ?? "", /^idempotency key [0-9a-f]{64}$/)
      assert.match(subscriptionRecords[6]?.details ?? "", /404/)
    }).pipe(Effect.provide(onEmulator()))
  )
})

it.effect("a missing scope is named before anything is written", () =>
  Effect.gen(function* () {
    const refused = yield* Effect.flip((yield* Subscriptions).create(definition("n")))
    assert.include(`${refused.message} ${"hint" in refused ? refused.hint : ""}`, "eventbridge:subscriptions:write")
    assert.notMatch(Object.keys((yield* stats).requests).join(), /POST \/api/)
  }).pipe(Effect.provide(onEmulator({ scopes: ["eventbridge:subscriptions:read"] })))
)

it.effect("a subscription that is not there is reported as such", () =>
  Effect.gen(function* () {
    const subscriptions = yield* Subscriptions
    const missing = yield* subscriptions
      .get("nobody")
      .pipe(Effect.catchReason("EventBridgeError", "NotFound", () => Effect.succeed(Option.none())))
    assert.deepStrictEqual(missing, Option.none())
  }).pipe(Effect.provide(onEmulator()))
)
