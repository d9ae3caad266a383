import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Record, Redacted } from "effect"
import { checkDestination, EventBridgeConfig, type EventBridgeOptions, InvalidConfiguration } from "../../src/index.ts"

const secret = "s3cr3t-of-the-client"
const credentials = { CXONE_CLIENT_ID: "the-client", CXONE_CLIENT_SECRET: secret }

const webhookSecrets = { monitoring: `whsec_${"bW9u".repeat(8)}`, registry: `whsec_${"cmVn".repeat(8)}` }

const made = Effect.map(EventBridgeConfig, (config) => config)

const fromEnvironment = (env: Record<string, string>, options?: Parameters<typeof EventBridgeConfig.layerConfig>[0]) =>
  made.pipe(
    Effect.provide(EventBridgeConfig.layerConfig(options)),
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
  )

const required: EventBridgeOptions = { clientId: "the-client", clientSecret: Redacted.make(secret) }

const fromOptions = (options: Partial<EventBridgeOptions> = {}) =>
  made.pipe(Effect.provide(EventBridgeConfig.layer({ ...required, ...options })))

const issuesOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.instanceOf(error, InvalidConfiguration)
    assert.notInclude(`${String(error)}${JSON.stringify(error)}`, secret)
    return error.issues
  })

const namesOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(issuesOf(effect), (issues) => issues.map(({ name }) => name).toSorted())

describe("EventBridgeConfig.layerConfig", () => {
  it.effect("credentials are enough", () =>
    Effect.gen(function* () {
      const config = yield* fromEnvironment(credentials)
      assert.strictEqual(Redacted.value(config.clientSecret), secret)
      assert.notInclude(JSON.stringify(config), secret)
      assert.deepInclude(config, {
        baseUrl: "https://api.nicecxone.com",
        clientId: "the-client",
        tokenPath: "/oauth2/token",
        scopes: [],
        clientName: "effect-cxone-eventbridge",
        topicId: undefined,
        destination: undefined,
        destinations: { allowedHosts: [], allowedCidrs: [] },
        monitoringUrl: undefined,
        monitoringSecret: undefined,
        registryUrl: undefined,
        registrySecret: undefined,
        rateLimit: undefined
      })
      assert.deepStrictEqual(
        Object.values(config.timeouts).map((timeout) => Duration.toSeconds(timeout)),
        [30, 15, 20]
      )
      assert.strictEqual(config.retry.maxRetries, 6)
      assert.strictEqual(Duration.toMillis(config.retry.baseDelay), 200)
      assert.strictEqual(Duration.toSeconds(config.retry.maxDelay), 10)
      assert.strictEqual(Duration.toMinutes(config.retry.maxRetryAfter), 2)
      assert.strictEqual(config.breaker.failures, 10)
      assert.strictEqual(Duration.toMinutes(config.breaker.maxWait), 5)
    })
  )

  it.effect("everything can be set", () =>
    Effect.gen(function* () {
      const config = yield* fromEnvironment({
        ...credentials,
        CXONE_INSTANCE_URL: "https://myorg.my.cxone.com/",
        CXONE_TOKEN_PATH: "/api/v2/oauth/token",
        CXONE_SCOPES: " eventbridge:read  eventbridge:write ",
        CXONE_TOPIC_ID: "topic_pub_conversations",
        MONITORING_WEBHOOK_URL: "https://monitor.example.com/hook?key=1",
        MONITORING_WEBHOOK_SECRET: webhookSecrets.monitoring,
        REGISTRY_WEBHOOK_URL: "https://registry.example.com/hook",
        REGISTRY_WEBHOOK_SECRET: webhookSecrets.registry,
        DESTINATION_OVERRIDE_URL: "https://hooks.example.com:8443/in"
      })
      assert.deepInclude(config, {
        baseUrl: "https://myorg.my.cxone.com",
        tokenPath: "/api/v2/oauth/token",
        scopes: ["eventbridge:read", "eventbridge:write"],
        topicId: "topic_pub_conversations",
        monitoringUrl: "https://monitor.example.com/hook?key=1",
        registryUrl: "https://registry.example.com/hook",
        destination: "https://hooks.example.com:8443/in",
        destinations: { allowedHosts: ["hooks.example.com"], allowedCidrs: [] }
      })
      assert.deepStrictEqual(
        [config.monitoringSecret, config.registrySecret].map((held) => held && Redacted.value(held)),
        [webhookSecrets.monitoring, webhookSecrets.registry]
      )
      assert.notInclude(JSON.stringify(config), "whsec_")
    })
  )

  it.effect.each([" ", "\n", "\r\n", "\t"])("variables are read without the whitespace around them: %j", (space) =>
    Effect.gen(function* () {
      const env = {
        ...credentials,
        CXONE_INSTANCE_URL: "https://myorg.my.cxone.com/",
        CXONE_TOKEN_PATH: "/api/v2/oauth/token",
        CXONE_SCOPES: "eventbridge:read",
        CXONE_TOPIC_ID: "orders",
        MONITORING_WEBHOOK_URL: "https://monitor.example.com/hook?key=1",
        MONITORING_WEBHOOK_SECRET: webhookSecrets.monitoring,
        REGISTRY_WEBHOOK_URL: "https://registry.example.com/hook",
        REGISTRY_WEBHOOK_SECRET: webhookSecrets.registry,
        DESTINATION_OVERRIDE_URL: "https://hooks.example.com:8443/in"
      }
      const config = yield* fromEnvironment(Record.map(env, (value) => `${space}${value}${space}`))
      const plain = yield* fromEnvironment(env)
      assert.deepStrictEqual(config, plain)
      assert.deepStrictEqual(
        [config.clientSecret, config.monitoringSecret, config.registrySecret].map(
          (held) => held && Redacted.value(held)
        ),
        [secret, webhookSecrets.monitoring, webhookSecrets.registry]
      )
      const region = { ...credentials, CXONE_REGION: `api-eu1.nicecxone.com${space}` }
      assert.strictEqual((yield* fromEnvironment(region)).baseUrl, "https://api-eu1.nicecxone.com")
    })
  )

  it.effect.each<[Record<string, string>, string]>([
    [{ CXONE_REGION: "api-eu1.nicecxone.com" }, "https://api-eu1.nicecxone.com"],
    [{ CXONE_REGION: "eu1.nicecxone.com", CXONE_INSTANCE_URL: "https://a.my.cxone.com" }, "https://a.my.cxone.com"],
    [{ CXONE_REGION: "", CXONE_INSTANCE_URL: " " }, "https://api.nicecxone.com"],
    [{ CXONE_INSTANCE_URL: "http://localhost:8099//" }, "http://localhost:8099"],
    [{ CXONE_INSTANCE_URL: "http://127.0.0.1:8099" }, "http://127.0.0.1:8099"],
    [{ CXONE_INSTANCE_URL: "http://[::1]:8099" }, "http://[::1]:8099"],
    [{ CXONE_INSTANCE_URL: "https://gateway.example.com/cxone/" }, "https://gateway.example.com/cxone"]
  ])("%j is at %s", ([env, baseUrl]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* fromEnvironment({ ...credentials, ...env })).baseUrl, baseUrl)
    })
  )

  it.effect("the environment wins over options, which fill in what it leaves open", () =>
    Effect.gen(function* () {
      const options = { topicId: "from-options", tokenPath: "/from/options", baseUrl: "https://options.example.com" }
      const config = yield* fromEnvironment({ ...credentials, CXONE_TOPIC_ID: "from-environment" }, options)
      assert.strictEqual(config.topicId, "from-environment")
      assert.strictEqual(config.tokenPath, "/from/options")
      assert.strictEqual(config.baseUrl, "https://options.example.com")
    })
  )

  it.effect("nothing set names both credentials", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* issuesOf(fromEnvironment({})), [
        { name: "CXONE_CLIENT_ID", issue: "is missing" },
        { name: "CXONE_CLIENT_SECRET", issue: "is missing" }
      ])
      const blank = fromEnvironment({ CXONE_CLIENT_ID: " ", CXONE_CLIENT_SECRET: " " })
      assert.deepStrictEqual(yield* namesOf(blank), ["CXONE_CLIENT_ID", "CXONE_CLIENT_SECRET"])
    })
  )

  it.effect("all issues are reported at once, without any value", () =>
    Effect.gen(function* () {
      const env = {
        CXONE_CLIENT_SECRET: secret,
        CXONE_INSTANCE_URL: `http://bus.example.com/${secret}`,
        CXONE_TOKEN_PATH: `oauth2 ${secret}`,
        CXONE_TOPIC_ID: "..",
        MONITORING_WEBHOOK_URL: `https://user:${secret}@monitor.example.com/`,
        MONITORING_WEBHOOK_SECRET: secret,
        REGISTRY_WEBHOOK_SECRET: `whsec_${secret}`
      }
      assert.deepStrictEqual(yield* namesOf(fromEnvironment(env)), [
        "CXONE_CLIENT_ID",
        "CXONE_INSTANCE_URL",
        "CXONE_TOKEN_PATH",
        "CXONE_TOPIC_ID",
        "MONITORING_WEBHOOK_SECRET",
        "MONITORING_WEBHOOK_URL",
        "REGISTRY_WEBHOOK_SECRET"
      ])
    })
  )

  it.effect("an invalid webhook secret is reported with its format; an empty one counts as none", () =>
    Effect.gen(function* () {
      const wrong = { ...credentials, REGISTRY_WEBHOOK_SECRET: "whsec_dG9vIHNob3J0" }
      assert.deepStrictEqual(yield* issuesOf(fromEnvironment(wrong)), [
        { name: "REGISTRY_WEBHOOK_SECRET", issue: "must be whsec_ and the base64 of 24 to 64 bytes" }
      ])
      const options = { monitoringSecret: Redacted.make(webhookSecrets.monitoring) }
      const blank = { ...credentials, MONITORING_WEBHOOK_SECRET: " ", REGISTRY_WEBHOOK_SECRET: "" }
      const config = yield* fromEnvironment(blank, options)
      assert.strictEqual(config.monitoringSecret && Redacted.value(config.monitoringSecret), webhookSecrets.monitoring)
      assert.isUndefined(config.registrySecret)
    })
  )

  it.effect("an issue with an option is reported under the option's name", () =>
    Effect.gen(function* () {
      const options = { baseUrl: "ftp://bus.example.com", registryUrl: "http://registry.example.com", topicId: ".." }
      const env = { ...credentials, CXONE_TOPIC_ID: "." }
      assert.deepStrictEqual(yield* namesOf(fromEnvironment(env, options)), [
        "CXONE_TOPIC_ID",
        "baseUrl",
        "registryUrl"
      ])
    })
  )

  it.effect("an override that is not an https URL is reported once", () =>
    Effect.gen(function* () {
      for (const url of ["hooks.example.com", "mailto:hooks@example.com", "http://a!b.example.com"]) {
        assert.deepStrictEqual(yield* issuesOf(fromEnvironment({ ...credentials, DESTINATION_OVERRIDE_URL: url })), [
          { name: "DESTINATION_OVERRIDE_URL", issue: "must be an https URL" }
        ])
      }
    })
  )

  it.effect("the host of an override may end in a full stop", () =>
    Effect.gen(function* () {
      const destination = "https://hooks.example.com./events"
      const config = yield* fromEnvironment({ ...credentials, DESTINATION_OVERRIDE_URL: destination })
      assert.strictEqual(yield* checkDestination(destination, config.destinations), destination)
    })
  )

  it.effect.each(["not a host", "http://api.nicecxone.com", "api.nicecxone.com/path?x", "..", "host:port"])(
    "a region of %j is reported under the region's name",
    (region) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* issuesOf(fromEnvironment({ ...credentials, CXONE_REGION: region })), [
          { name: "CXONE_REGION", issue: "must be a host name such as api.nicecxone.com" }
        ])
      })
  )
})

describe("EventBridgeConfig.layer", () => {
  it.effect("accepts what it is given", () =>
    Effect.gen(function* () {
      const config = yield* fromOptions({
        baseUrl: "https://bus.example.com/",
        clientName: "my app/1.0",
        topicId: "a/b c",
        timeouts: { page: "1 second" },
        retry: { maxRetries: 0, baseDelay: 7 },
        rateLimit: { limit: 25, window: "1 second" },
        breaker: { failures: 3, maxWait: "1 minute" },
        destinations: { allowedHosts: ["*.example.com", "[2606:4700::1]"], allowedCidrs: ["10.1.0.0/16", "fd00::/8"] }
      })
      assert.strictEqual(config.baseUrl, "https://bus.example.com")
      assert.strictEqual(config.clientName, "my app/1.0")
      assert.strictEqual(config.topicId, "a/b c")
      assert.deepStrictEqual(
        Object.values(config.timeouts).map((timeout) => Duration.toSeconds(timeout)),
        [30, 1, 20]
      )
      assert.strictEqual(config.retry.maxRetries, 0)
      assert.strictEqual(Duration.toMillis(config.retry.baseDelay), 7)
      assert.strictEqual(config.rateLimit?.limit, 25)
      assert.deepStrictEqual(config.breaker, { failures: 3, maxWait: Duration.minutes(1) })
      assert.deepStrictEqual(config.destinations.allowedCidrs, ["10.1.0.0/16", "fd00::/8"])
    })
  )

  it.effect("an undefined list is the same as one left out", () =>
    Effect.gen(function* () {
      const config = yield* fromOptions({
        destinations: { allowedHosts: undefined, allowedCidrs: undefined },
        vocabulary: { eventTypes: undefined, operators: undefined }
      })
      assert.deepStrictEqual(config, yield* fromOptions())
    })
  )

  it.effect.each<[string, Partial<EventBridgeOptions>]>([
    ["clientId", { clientId: "" }],
    ["clientSecret", { clientSecret: Redacted.make(" ") }],
    // As JavaScript without types may have it.
    ["clientSecret", JSON.parse('{ "clientSecret": "plain" }')],
    ["baseUrl", { baseUrl: "http://bus.example.com" }],
    ["baseUrl", { baseUrl: "http://127.0.0.1.example.com" }],
    ["baseUrl", { baseUrl: "http://localhost.example.com" }],
    ["baseUrl", { baseUrl: "ftp://bus.example.com" }],
    ["baseUrl", { baseUrl: "bus.example.com" }],
    ["baseUrl", { baseUrl: "https://user:pass@bus.example.com" }],
    ["baseUrl", { baseUrl: "https://bus.example.com?tenant=1" }],
    ["baseUrl", { baseUrl: "https://bus.example.com#a" }],
    ["baseUrl", { baseUrl: "https://bus.example.com#" }],
    ["baseUrl", { baseUrl: "https://bus.example.com/?" }],
    ["baseUrl", { baseUrl: "https://bus.example.com/ " }],
    ["baseUrl", { baseUrl: "https://bus.example.com\n" }],
    ["baseUrl", { baseUrl: "\thttps://bus.example.com" }],
    ["baseUrl", { baseUrl: "https://bus.example.com/\0" }],
    ["tokenPath", { tokenPath: "oauth2/token" }],
    ["tokenPath", { tokenPath: "/oauth2/token?x=1" }],
    ["clientName", { clientName: "" }],
    ["clientName", { clientName: "my\r\nx-evil: 1" }],
    ["clientName", { clientName: "mü" }],
    ["topicId", { topicId: " " }],
    ["topicId", { topicId: "." }],
    ["topicId", { topicId: "a\ud800" }],
    ["monitoringUrl", { monitoringUrl: "http://monitor.example.com/" }],
    ["monitoringSecret", { monitoringSecret: Redacted.make("") }],
    ["monitoringSecret", { monitoringSecret: Redacted.make(`whsec_${"A".repeat(28)}`) }],
    ["registrySecret", { registrySecret: Redacted.make(webhookSecrets.registry.slice(6)) }],
    ["retry.maxRetries", { retry: { maxRetries: -1 } }],
    ["retry.maxRetries", { retry: { maxRetries: 1.5 } }],
    ["rateLimit.limit", { rateLimit: { limit: 0, window: "1 second" } }],
    ["breaker.failures", { breaker: { failures: 0 } }],
    ["tracing.letterSampling", { tracing: { letterSampling: 1.5 } }],
    ["tracing.letterSampling", { tracing: { letterSampling: Number.NaN } }],
    ["destinations.allowedHosts", { destinations: { allowedHosts: ["https://hooks.example.com"] } }],
    ["destinations.allowedHosts", { destinations: { allowedHosts: ["*"] } }],
    ["destinations.allowedCidrs", { destinations: { allowedCidrs: ["10.1.0.0"] } }]
  ])("%s is refused: %j", ([name, options]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* namesOf(fromOptions(options)), [name])
    })
  )

  const span = "must be a finite duration above 0, such as 30 seconds"
  const pause = "must be a finite duration of 0 or more, such as 10 seconds"

  it.effect.each<[string, string, Partial<EventBridgeOptions>]>([
    // As from JavaScript, where nothing keeps it out.
    ["timeouts.page", span, JSON.parse('{ "timeouts": { "page": "5 nonsense" } }')],
    ["rateLimit.window", span, JSON.parse('{ "rateLimit": { "limit": 5 } }')],
    ["timeouts.default", span, { timeouts: { default: 0 } }],
    ["timeouts.page", span, { timeouts: { page: "-5 seconds" } }],
    ["timeouts.page", span, { timeouts: { page: Number.NaN } }],
    ["timeouts.replay", span, { timeouts: { replay: "Infinity" } }],
    ["retry.baseDelay", pause, { retry: { baseDelay: -1 } }],
    ["retry.baseDelay", pause, { retry: { baseDelay: [Number.NaN, 0] } }],
    ["retry.maxDelay", pause, { retry: { maxDelay: Number.NaN } }],
    ["retry.maxDelay", pause, { retry: { maxDelay: { seconds: Number.NaN } } }],
    ["retry.maxRetryAfter", pause, { retry: { maxRetryAfter: Duration.infinity } }],
    ["rateLimit.window", span, { rateLimit: { limit: 5, window: -1 } }],
    ["rateLimit.window", span, { rateLimit: { limit: 5, window: 0 } }],
    ["breaker.maxWait", "must be a duration of 0 or more, such as 5 minutes", { breaker: { maxWait: "-Infinity" } }]
  ])("%s %s: %j", ([name, issue, options]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* issuesOf(fromOptions(options)), [{ name, issue }])
    })
  )

  it.effect("durations are accepted in every form, and pauses may be zero", () =>
    Effect.gen(function* () {
      const { breaker, rateLimit, retry, timeouts } = yield* fromOptions({
        timeouts: { default: 1500, page: [1, 500_000_000], replay: 1_500_000_000n },
        retry: { baseDelay: 0, maxDelay: { seconds: 1, milliseconds: 500 }, maxRetryAfter: "0 seconds" },
        rateLimit: { limit: 5, window: Duration.millis(1500) },
        breaker: { maxWait: 0 }
      })
      const patient = yield* fromOptions({ breaker: { maxWait: Duration.infinity } })
      assert.isFalse(Duration.isFinite(patient.breaker.maxWait))
      const all = [...Object.values(timeouts), retry.maxDelay, rateLimit?.window]
      assert.deepStrictEqual(
        all.map((each) => each && Duration.toMillis(each)),
        [1500, 1500, 1500, 1500, 1500]
      )
      assert.deepStrictEqual([retry.baseDelay, retry.maxRetryAfter, breaker.maxWait].map(Duration.isZero), [
        true,
        true,
        true
      ])
    })
  )

  it.effect("all issues at once, by the options' names", () =>
    Effect.gen(function* () {
      const options = {
        clientId: "",
        baseUrl: "x",
        monitoringUrl: "y",
        tokenPath: "z",
        timeouts: { page: 0, replay: 0 },
        retry: { maxDelay: -1, maxRetries: -1 },
        rateLimit: { limit: 0, window: 0 }
      }
      assert.deepStrictEqual(yield* namesOf(fromOptions(options)), [
        "baseUrl",
        "clientId",
        "monitoringUrl",
        "rateLimit.limit",
        "rateLimit.window",
        "retry.maxDelay",
        "retry.maxRetries",
        "timeouts.page",
        "timeouts.replay",
        "tokenPath"
      ])
    })
  )
})
