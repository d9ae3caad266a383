import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Stream } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Audit, DeadLetterQueue, EventBridge, Token } from "../../src/index.ts"
import { json, layerWire, Wire } from "../services/Support.ts"

const tenant = (name: string) =>
  EventBridge.layer({
    baseUrl: `https://${name}.my.cxone.com`,
    clientId: name,
    clientSecret: Redacted.make(`secret of ${name}`)
  })

class First extends Context.Service<First, DeadLetterQueue["Service"]>()("test/First") {}
class Second extends Context.Service<Second, DeadLetterQueue["Service"]>()("test/Second") {}

const around = Layer.mergeAll(
  Audit.layerMemory,
  KeyValueStore.layerMemory,
  layerWire(({ url }) => json(url.pathname === "/oauth2/token" ? { access_token: url.hostname } : { events: [] }))
)

it.effect("two tenants of one application have a configuration and a token of their own each", () =>
  Effect.gen(function* () {
    for (const { letters } of [yield* First, yield* Second]) yield* Stream.runDrain(letters({ topicId: "topic-1" }))
    const { sent } = yield* Wire
    assert.deepStrictEqual(
      sent.map(({ headers, url }) => [url.hostname, headers["authorization"]]),
      ["one.my.cxone.com", "two.my.cxone.com"].flatMap((host) => [
        [host, undefined],
        [host, `Bearer ${host}`]
      ])
    )
  }).pipe(
    Effect.provide([
      Layer.provide(Layer.effect(First, DeadLetterQueue), tenant("one")),
      Layer.provide(Layer.effect(Second, DeadLetterQueue), tenant("two"))
    ]),
    Effect.provide(around)
  )
)

class FirstToken extends Context.Service<FirstToken, Token["Service"]>()("test/FirstToken") {}
class SecondToken extends Context.Service<SecondToken, Token["Service"]>()("test/SecondToken") {}

it.effect("one layer that is used in two places is one", () => {
  const one = tenant("one")
  return Effect.gen(function* () {
    assert.strictEqual(yield* FirstToken, yield* SecondToken)
  }).pipe(
    Effect.provide([
      Layer.provide(Layer.effect(FirstToken, Token), one),
      Layer.provide(Layer.effect(SecondToken, Token), one)
    ]),
    Effect.provide(around)
  )
})
