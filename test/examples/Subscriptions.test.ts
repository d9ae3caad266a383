import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Ref } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { defaultTopicId, Emulator, type EmulatorOptions, EmulatorServer } from "../../src/emulator/index.ts"
import { definition } from "../workflows/support/Definitions.ts"
import { folder, run } from "./support/Program.ts"

const env = { CXONE_CLIENT_ID: "demo", CXONE_CLIENT_SECRET: "demo" }

/** The program on an emulator that outlives it, over real HTTP. */
const onServer = (options: EmulatorOptions = {}) => {
  const server = EmulatorServer.layer.pipe(
    Layer.provideMerge(Emulator.layer(options)),
    Layer.provideMerge(NodeHttpServer.layerServer(createServer, { host: "127.0.0.1", port: 0 }))
  )
  return Layer.fresh(server)
}

const subscriptions = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  further: Readonly<Record<string, string>> = {}
) {
  const { address } = yield* HttpServer.HttpServer
  return yield* run("subscriptions.ts", args, {
    ...env,
    CXONE_INSTANCE_URL: HttpServer.formatAddress(address),
    ...further
  })
})

const fileOf = Effect.fnUntraced(function* (content: unknown) {
  const path = join(yield* folder, "definitions.json")
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
  return path
})

const resultsOf = (stdout: string): unknown => JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "").results

const held = Effect.flatMap(Emulator, (emulator) => emulator.subscriptions)

/** A registry that keeps what it is told. */
const registry = Effect.gen(function* () {
  const told = yield* Ref.make<ReadonlyArray<unknown>>([])
  const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0 })
  yield* server.serve(
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const body = yield* request.json
      yield* Ref.update(told, (all) => [...all, body])
      return HttpServerResponse.empty({ status: 204 })
    })
  )
  return { url: HttpServer.formatAddress(server.address), told: Ref.get(told) }
})

describe("apply", () => {
  it.live("creates, confirms and syncs; a second time it changes nothing", () =>
    Effect.gen(function* () {
      const { told, url } = yield* registry
      const file = yield* fileOf([definition("a"), definition("b")])
      const first = yield* subscriptions(["apply", "--file", file, "--json"], { REGISTRY_WEBHOOK_URL: url })
      assert.strictEqual(first.code, 0, first.stderr)
      const ids = (yield* held).map(({ id }) => id)
      assert.deepStrictEqual(resultsOf(first.stdout), [
        { name: "a", action: "create", id: ids[0], state: "active" },
        { name: "b", action: "create", id: ids[1], state: "active" }
      ])
      assert.lengthOf(yield* told, 2)
      const second = yield* subscriptions(["apply", "--file", file, "--json"], { REGISTRY_WEBHOOK_URL: url })
      assert.strictEqual(second.code, 0, second.stderr)
      assert.deepStrictEqual(resultsOf(second.stdout), [
        { name: "a", action: "unchanged", id: ids[0], state: "active" },
        { name: "b", action: "unchanged", id: ids[1], state: "active" }
      ])
      assert.lengthOf(yield* told, 2)
    }).pipe(Effect.scoped, Effect.provide(onServer({ delivery: { activeAfterPolls: 1 } })))
  )

  it.live("of an invalid file reports every issue, exits with 1 and sends nothing", () =>
    Effect.gen(function* () {
      const file = yield* fileOf([{ ...definition("a"), eventType: "nope" }, { name: "b" }])
      const ended = yield* subscriptions(["apply", "--file", file])
      assert.strictEqual(ended.code, 1)
      assert.include(ended.stderr, "[0].eventType")
      assert.include(ended.stderr, "[1].endpoints")
      assert.notInclude(ended.stderr, "    at ")
      const emulator = yield* Emulator
      assert.deepStrictEqual((yield* emulator.stats).requests, {})
    }).pipe(Effect.scoped, Effect.provide(onServer()))
  )

  it.live("of one definition with --prune deletes what it does not declare", () =>
    Effect.gen(function* () {
      const file = yield* fileOf(definition("a", { description: "changed" }))
      const ended = yield* subscriptions(["apply", "--file", file, "--prune", "--json"])
      assert.strictEqual(ended.code, 0, ended.stderr)
      assert.include(ended.stdout, 'description: "first" -> "changed"')
      assert.deepStrictEqual(
        (yield* held).map(({ description, name }) => `${name} ${String(description)}`),
        ["a changed"]
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(onServer({ subscriptions: [definition("a"), definition("b")], delivery: { activeAfterPolls: 0 } }))
    )
  )

  it.live("of an empty array says that nothing is declared", () =>
    Effect.gen(function* () {
      const file = yield* fileOf([])
      const ended = yield* subscriptions(["apply", "--file", file, "--json"])
      assert.strictEqual(ended.code, 0, ended.stderr)
      const said = "Nothing is declared, so there is nothing to do.\n"
      assert.strictEqual(ended.stdout, `${said}{"results":[],"problems":[]}\n`)
      const planned = yield* subscriptions(["plan", "--file", file])
      assert.strictEqual(planned.stdout, `${said}Nothing was written.\n`)
    }).pipe(Effect.scoped, Effect.provide(onServer({ subscriptions: [definition("a")] })))
  )
})

describe("the other actions", () => {
  it.live("plan, list, get, confirm and delete", () =>
    Effect.gen(function* () {
      const file = yield* fileOf(definition("new"))
      const [subscription] = yield* held
      const id = subscription?.id ?? ""
      const plan = yield* subscriptions(["plan", "--file", file, "--json"])
      assert.include(plan.stdout, "+ create    new")
      assert.lengthOf(yield* held, 1)
      const list = yield* subscriptions(["list", "--json"])
      assert.deepStrictEqual(resultsOf(list.stdout), [{ name: "a", id, state: "pending" }])
      const confirmed = yield* subscriptions(["confirm", "--id", id])
      assert.strictEqual(confirmed.code, 0, confirmed.stderr)
      const got = yield* subscriptions(["get", "--id", id])
      assert.include(got.stdout, "organizationId")
      const deleted = yield* subscriptions(["delete", "--id", id, "--json"])
      assert.deepStrictEqual(resultsOf(deleted.stdout), [{ name: "a", action: "delete", id, state: "deleted" }])
      assert.lengthOf(yield* held, 0)
      const missing = yield* subscriptions(["get", "--id", id])
      assert.strictEqual(missing.code, 1)
      assert.include(missing.stderr, "404")
    }).pipe(
      Effect.scoped,
      Effect.provide(onServer({ subscriptions: [definition("a")], delivery: { activeAfterPolls: 1 } }))
    )
  )

  it.live("show a name that the service holds, and write nothing of it to the terminal", () =>
    Effect.gen(function* () {
      const file = yield* fileOf([])
      for (const args of [["list"], ["plan", "--prune", "--file", file], ["apply", "--prune", "--file", file]]) {
        const { stderr, stdout } = yield* subscriptions(args)
        assert.include(stdout, "red [31m + create    none")
        assert.notInclude(`${stderr}${stdout}`, "\u001b")
      }
    }).pipe(Effect.scoped, Effect.provide(onServer({ subscriptions: [definition("red\u001b[31m\n+ create    none")] })))
  )

  it.live.each([
    [["apply"], "--file is missing"],
    [["get"], "--id is missing"],
    [["apply", "--file", "no-such-file.json"], '"no-such-file.json" cannot be read: there is no such file or folder'],
    [["rename"], "Invalid value for argument <action>"]
  ] as const)("%j is refused in words", ([args, words]) =>
    Effect.gen(function* () {
      const ended = yield* run("subscriptions.ts", args)
      assert.strictEqual(ended.code, 1)
      assert.include(ended.stderr, words)
      assert.notInclude(ended.stderr, "    at ")
    })
  )
})

describe("npm start --file", () => {
  const startWith = Effect.fnUntraced(function* (file: string) {
    const { address } = yield* HttpServer.HttpServer
    const at = { CXONE_INSTANCE_URL: HttpServer.formatAddress(address), CXONE_TOPIC_ID: defaultTopicId }
    return yield* run("start.ts", ["--file", file], { ...env, ...at })
  })

  it.live("accepts one definition as well as an array", () =>
    Effect.gen(function* () {
      const one = yield* startWith(yield* fileOf(definition("a")))
      assert.strictEqual(one.code, 0, one.stderr)
      const two = yield* startWith(yield* fileOf([definition("a"), definition("b")]))
      assert.strictEqual(two.code, 0, two.stderr)
      assert.deepStrictEqual(
        (yield* held).map(({ name }) => name),
        ["a", "b"]
      )
    }).pipe(Effect.scoped, Effect.provide(onServer({ letters: 1, delivery: { activeAfterPolls: 0 } })))
  )

  it.live("says which file cannot be used", () =>
    Effect.gen(function* () {
      const file = yield* fileOf("{")
      const broken = yield* run("start.ts", ["--file", file])
      assert.strictEqual(broken.code, 1)
      assert.include(broken.stderr, `"${file}" is not JSON: `)
      assert.include(broken.stderr, "line 1 column 2")
      const missing = yield* run("start.ts", ["--file", "no-such-file.json"])
      assert.strictEqual(missing.code, 1)
      assert.include(missing.stderr, '"no-such-file.json" cannot be read: there is no such file or folder')
      for (const { stdout } of [broken, missing]) assert.strictEqual(stdout, "")
    })
  )
})
