import { Effect, Option, Result } from "effect"
import { Url } from "effect/http"
import ipaddr from "ipaddr.js"
import { DestinationForbidden } from "../domain/ReplayError.ts"

/** Where a destination override may point. */
export interface DestinationPolicy {
  /** Host names that may be used: exact (`hooks.example.com`) or a whole domain (`*.example.com`). Default none. */
  readonly allowedHosts: ReadonlyArray<string>
  /** Address ranges that may be used although they are not public, in CIDR notation. Default none. */
  readonly allowedCidrs: ReadonlyArray<string>
}

/** Names that only mean something inside a network, the metadata services of clouds among them. */
const internalNames = /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home\.arpa|arpa)$/

const addressOf = (host: string): Option.Option<ipaddr.IPv4 | ipaddr.IPv6> => {
  const literal = host.startsWith("[") ? host.slice(1, -1) : host
  return ipaddr.isValid(literal) ? Option.some(ipaddr.process(literal)) : Option.none()
}

/** `::a.b.c.d`, an old way of writing an IPv4 address that `ipaddr.js` takes for a public one. */
const isCompatible = (address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  address instanceof ipaddr.IPv6 && address.parts.slice(0, 6).every((part) => part === 0)

const isPublic = (address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  address.range() === "unicast" && !isCompatible(address)

const isAllowedAddress = (address: ipaddr.IPv4 | ipaddr.IPv6, policy: DestinationPolicy): boolean =>
  isPublic(address) ||
  policy.allowedCidrs.some((cidr) => {
    if (!ipaddr.isValidCIDR(cidr)) return false
    const [network, bits] = ipaddr.parseCIDR(cidr)
    return network.kind() === address.kind() && address.match(network, bits)
  })

const isAllowedHost = (host: string, policy: DestinationPolicy): boolean =>
  policy.allowedHosts.some((pattern) => {
    const allowed = pattern.toLowerCase()
    return allowed.startsWith("*.") ? host.endsWith(allowed.slice(1)) : host === allowed
  })

const objection = (url: URL, policy: DestinationPolicy): string | undefined => {
  // The URL parser has already turned every spelling of an address (octal, hexadecimal, one number) into the usual one.
  const host = url.hostname.toLowerCase().replace(/\.$/, "")
  const address = addressOf(host)
  if (url.protocol !== "https:") return "it is not https"
  if (url.username !== "" || url.password !== "") return "it carries credentials"
  if (Option.isSome(address) && !isAllowedAddress(address.value, policy)) {
    return `${host} is not a public address (${address.value.range()})`
  }
  if (Option.isNone(address) && internalNames.test(host)) return `${host} is a name of an internal network`
  if (Option.isNone(address) && !host.includes(".")) return `${host} is not a full host name`
  if (!isAllowedHost(host, policy) && !(Option.isSome(address) && !isPublic(address.value))) {
    return `${host} is not on the list of allowed destinations`
  }
  return undefined
}

/** What a message may show of a URL: never the credentials or the query it may carry. */
const shown = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`

/**
 * Checks a destination override: https, a public address or name, on the list of allowed hosts. An address range that is
 * allowed by CIDR needs no entry among the hosts. Succeeds with the normalized URL.
 */
export const checkDestination = Effect.fnUntraced(function* (destination: string, policy: DestinationPolicy) {
  const parsed = Url.fromString(destination)
  if (Result.isFailure(parsed)) {
    return yield* new DestinationForbidden({ destination: "(unreadable)", why: "it is not a URL" })
  }
  const url = parsed.success
  const why = objection(url, policy)
  return why === undefined ? url.href : yield* new DestinationForbidden({ destination: shown(url), why })
})
