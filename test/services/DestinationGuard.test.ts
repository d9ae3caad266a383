import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { checkDestination, DestinationForbidden, type DestinationPolicy } from "../../src/index.ts"

const policy: DestinationPolicy = {
  allowedHosts: ["hooks.example.com", "*.example.org", "93.184.216.34", "[2606:4700::1111]"],
  allowedCidrs: []
}

/** A list so careless that only the kind of the address can still speak against it. */
const careless = (host: string): DestinationPolicy => ({
  allowedHosts: [host, `${host}.`, `*.${host}`, new URL(`https://${host}/`).hostname],
  allowedCidrs: []
})

const refusal = (destination: string, by: DestinationPolicy = policy) =>
  Effect.map(Effect.flip(checkDestination(destination, by)), (error) => {
    assert.instanceOf(error, DestinationForbidden)
    return error
  })

describe("DestinationGuard", () => {
  it.effect.each([
    ["https://hooks.example.com/in", "https://hooks.example.com/in"],
    ["https://HOOKS.Example.COM", "https://hooks.example.com/"],
    ["https://hooks.example.com:8443/in?x=1", "https://hooks.example.com:8443/in?x=1"],
    ["https://hooks.example.com./in", "https://hooks.example.com./in"],
    ["https://a.example.org/", "https://a.example.org/"],
    ["https://a.b.example.org/", "https://a.b.example.org/"],
    ["https://93.184.216.34/", "https://93.184.216.34/"],
    ["https://[2606:4700:0::1111]/", "https://[2606:4700::1111]/"]
  ] as const)("%s may be used", ([destination, normalized]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* checkDestination(destination, policy), normalized)
    })
  )

  it.effect.each([
    "https://example.com/",
    "https://evil.com/",
    "https://hooks.example.com.evil.com/",
    "https://evilhooks.example.com/",
    "https://sub.hooks.example.com/",
    "https://example.org/",
    "https://evilexample.org/",
    "https://hooks.example.com../",
    "https://93.184.216.35/",
    "https://hooks.example.com%2eevil.com/",
    "https://hooks\u3002example\u3002net/"
  ])("%s is not on the list", (destination) =>
    Effect.gen(function* () {
      assert.include((yield* refusal(destination)).why, "not on the list of allowed destinations")
    })
  )

  it.effect("nothing is allowed unless it is listed", () =>
    Effect.gen(function* () {
      const error = yield* refusal("https://hooks.example.com/", { allowedHosts: [], allowedCidrs: [] })
      assert.include(error.message, "destination https://hooks.example.com/ is refused")
      assert.include(error.hint, "allow list")
    })
  )

  it.effect.each([
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)"
  ])("%s is not https", (destination) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refusal(destination)).why, "it is not https")
    })
  )

  it.effect.each(["", "hooks.example.com", "https://", "https://a b/", "//hooks.example.com"])(
    "%j is not a URL",
    (destination) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* refusal(destination)).why, "it is not a URL")
      })
  )

  it.effect.each(["https://user:hunter2@hooks.example.com/", "https://hunter2@hooks.example.com/"])(
    "%s carries credentials, which no message repeats",
    (destination) =>
      Effect.gen(function* () {
        const error = yield* refusal(destination)
        assert.strictEqual(error.why, "it carries credentials")
        assert.notInclude(`${String(error)}${JSON.stringify(error)}`, "hunter2")
      })
  )

  it.effect("a message shows no query either", () =>
    Effect.gen(function* () {
      assert.notInclude(String(yield* refusal("https://evil.com/?key=hunter2#hunter2")), "hunter2")
    })
  )

  it.effect.each([
    // this host, loopback, private, shared, link-local, benchmarks, documentation, multicast, reserved
    "0.0.0.0",
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "198.18.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    // other spellings of 127.0.0.1 and 169.254.169.254
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.0.1.",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "①⑥⑨.254.169.254",
    // IPv6: unspecified, loopback, unique local (metadata of EC2), link-local, site-local, multicast, documentation
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[fd00:ec2::254]",
    "[fc00::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    // IPv4 inside IPv6: mapped, translated, 6to4, Teredo
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001::7f00:1]"
  ])("https://%s/ is not a public address, whatever the list says", (host) =>
    Effect.gen(function* () {
      assert.include((yield* refusal(`https://${host}/`, careless(host))).why, "is not a public address")
    })
  )

  it.effect.each([
    "localhost",
    "localhost.",
    "LOCALHOST",
    "a.localhost",
    "printer.local",
    "metadata.google.internal",
    "metadata.google.internal.",
    "router.lan",
    "nas.home.arpa"
  ])("https://%s/ is a name of an internal network, whatever the list says", (host) =>
    Effect.gen(function* () {
      assert.include((yield* refusal(`https://${host}/`, careless(host))).why, "internal network")
    })
  )

  it.effect("a bare name is refused", () =>
    Effect.gen(function* () {
      assert.include((yield* refusal("https://intra/", careless("intra"))).why, "not a full host name")
    })
  )

  const within: DestinationPolicy = { allowedHosts: [], allowedCidrs: ["10.1.0.0/16", "fd12::/16"] }

  it.effect.each([
    "https://10.1.0.1/",
    "https://10.1.255.255/",
    "https://167837697/",
    "https://[::ffff:10.1.2.3]/",
    "https://[fd12::7]/"
  ])("%s is in a range that is allowed, and needs no entry among the hosts", (destination) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* checkDestination(destination, within), new URL(destination).href)
    })
  )

  it.effect.each(["https://10.2.0.1/", "https://127.0.0.1/", "https://[fd13::7]/", "https://[::1]/"])(
    "%s is not",
    (destination) =>
      Effect.gen(function* () {
        assert.include((yield* refusal(destination, within)).why, "is not a public address")
      })
  )

  it.effect("an invalid range allows nothing, and a public address still needs an entry", () =>
    Effect.gen(function* () {
      yield* refusal("https://10.1.0.1/", { allowedHosts: [], allowedCidrs: ["10.1.0.0", "nonsense"] })
      yield* refusal("https://93.184.216.34/", { allowedHosts: [], allowedCidrs: ["93.184.216.0/24"] })
    })
  )

  it.effect.prop("anything at all is refused, and nothing crashes", [Schema.String], ([text]) =>
    Effect.gen(function* () {
      yield* refusal(text)
      yield* refusal(`https://${text}`)
      yield* refusal(`https://hooks.example.net/${text}`)
    })
  )
})
