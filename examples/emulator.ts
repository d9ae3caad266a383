// An EventBridge on a port, to try clients against: node examples/emulator.ts --port 8099 --faults few
import { NodeHttpServer } from "@effect/platform-node"
import { Console, Effect, Layer, Option, Redacted, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import { BlockList, isIP } from "node:net"
import { allScopes, defaultTopicId, Emulator, EmulatorServer, FaultPlan } from "../src/emulator/index.ts"
import { maxSubscriptions, type SubscriptionDefinition } from "../src/index.ts"
import * as Filled from "./shared/Filled.ts"
import * as Listening from "./shared/Listening.ts"
import { main } from "./shared/Program.ts"
import * as Service from "./shared/Service.ts"

const natural = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

const flags = {
  port: Listening.portFlag(8099),
  host: Listening.hostFlag("Address to listen on; one that is not loopback lets others reach the emulator"),
  letters: Flag.Int("letters").pipe(
    Flag.withDescription("Letters in the queue"),
    Flag.withSchema(natural),
    Flag.withDefault(500)
  ),
  topic: Flag.String("topic").pipe(Filled.text, Flag.withDescription("The topic"), Flag.withDefault(defaultTopicId)),
  clientId: Flag.String("client-id").pipe(Filled.text, Flag.withDescription("Client id"), Flag.withDefault("demo")),
  clientSecret: Flag.Redacted("client-secret").pipe(
    Filled.secret,
    Flag.withDescription("Client secret; demo when none is given"),
    Flag.optional
  ),
  faults: Flag.String("faults").pipe(
    Flag.withDescription(`What goes wrong: ${Service.faultsUsage}`),
    Flag.withDefault("none")
  ),
  pages: Flag.Literals("pages", ["full", "ragged"]).pipe(
    Flag.withDescription("ragged: short and empty pages that still carry a token"),
    Flag.withDefault("full")
  ),
  pastRetries: Flag.Finite("past-retries").pipe(
    Flag.withDescription("Share of letters retried too often to be replayed"),
    Flag.withSchema(share),
    Flag.withDefault(0)
  ),
  oversize: Flag.Finite("oversize").pipe(
    Flag.withDescription("Share of letters with a payload that is too large"),
    Flag.withSchema(share),
    Flag.withDefault(0)
  ),
  subscriptions: Flag.Int("subscriptions").pipe(
    Flag.withDescription("Subscriptions it holds from the start"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxSubscriptions }))),
    Flag.withDefault(0)
  ),
  activeAfterPolls: Flag.Int("active-after-polls").pipe(
    Flag.withDescription("Polls of the delivery status that find a subscription pending before it is active"),
    Flag.withSchema(natural),
    Flag.withDefault(2)
  ),
  deliveryError: Flag.String("delivery-error").pipe(
    Flag.withDescription("No subscription ever delivers, and this is why"),
    Flag.optional
  ),
  scopes: Flag.String("scopes").pipe(
    Flag.withDescription("Scopes the client was granted, with spaces between them"),
    Flag.withDefault(allScopes.join(" "))
  )
}

/** The nth of the subscriptions held from the start. */
const definitionOf = (n: number): SubscriptionDefinition => ({
  name: `subscription-${n}`,
  description: "Held from the start",
  eventType: "contact.created",
  filters: [{ field: "contact.channelType", operator: "eq", value: "voice" }],
  endpoints: [{ url: `https://consumer.example.com/webhook/${n}`, type: "webhook" }],
  deadLetterQueue: { enabled: true },
  retryConfiguration: { maxRetries: 5, backoffStrategy: "exponential", initialDelayMs: 1000, maxDelayMs: 10_000 }
})

const loopback = new BlockList()
loopback.addSubnet("127.0.0.0", 8)
loopback.addAddress("::1", "ipv6")

const isLoopback = (host: string) =>
  host === "localhost" || (isIP(host) !== 0 && loopback.check(host, isIP(host) === 6 ? "ipv6" : "ipv4"))

const emulator = Command.make(
  "emulator",
  flags,
  Effect.fnUntraced(function* (input) {
    const faults = yield* Effect.fromResult(FaultPlan.parse(input.faults))
    const secret = Option.map(input.clientSecret, Redacted.value)
    const announce = HttpServer.addressFormattedWith((url) => {
      const credentials = `client ${input.clientId}, secret ${Option.isSome(secret) ? "as given" : "demo"}`
      const exposed = isLoopback(input.host) ? "" : "; other machines can reach it"
      const holds = `topic ${input.topic}, ${input.letters} letters`
      return Console.log(`EventBridge emulator listening on ${url} (${holds}, ${credentials}${exposed})`)
    })
    const program = Layer.effectDiscard(announce).pipe(
      Layer.provideMerge(EmulatorServer.layer),
      Layer.provide(
        Emulator.layer({
          topicId: input.topic,
          letters: input.letters,
          clientId: input.clientId,
          clientSecret: Option.getOrElse(secret, () => "demo"),
          scopes: input.scopes.split(/\s+/).filter((scope) => scope !== ""),
          pages: input.pages,
          pastRetries: input.pastRetries,
          oversize: input.oversize,
          subscriptions: Array.from({ length: input.subscriptions }, (_, index) => definitionOf(index + 1)),
          delivery: {
            activeAfterPolls: input.activeAfterPolls,
            ...(Option.isSome(input.deliveryError) ? { error: input.deliveryError.value } : {})
          },
          faults
        })
      ),
      Layer.provide(
        NodeHttpServer.layerServer(createServer, {
          host: input.host,
          port: input.port,
          gracefulShutdownTimeout: "1 second"
        })
      )
    )
    return yield* Layer.launch(program).pipe(
      Effect.catchTag("ServeError", (error) => Effect.fail(Listening.refused(error, input.host, input.port)))
    )
  })
).pipe(Command.withDescription("A NICE CXone EventBridge to run clients against, until Ctrl-C"))

main(emulator)
