import { Clock, Effect } from "effect"
import type { ResolvedOptions } from "./EmulatorOptions.ts"
import * as Seeded from "./Seeded.ts"

interface Grant {
  readonly scopes: ReadonlySet<string>
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

/** The tokens given so far. */
export const make = (options: ResolvedOptions) => {
  const grants = new Map<string, Grant>()
  let issued = 0

  /** A token for those of the requested scopes that the client was granted; for all of them when none is requested. */
  const issue = Effect.fnUntraced(function* (requested: ReadonlyArray<string>) {
    const now = yield* Clock.currentTimeMillis
    for (const [token, grant] of grants) {
      if (grant.expiresAt <= now) grants.delete(token)
    }
    const scopes = requested.length === 0 ? options.scopes : options.scopes.filter((scope) => requested.includes(scope))
    const serial = ++issued
    const noise = Seeded.bits(options.seed, serial, 0x70ce).toString(16).padStart(8, "0")
    const token = `emulator-${serial}-${noise}`
    grants.set(token, { scopes: new Set(scopes), expiresAt: now + options.tokenLifetime * 1000 })
    return { token, scopes }
  })

  /** The scopes of a token; `undefined` when it is unknown, expired or revoked. */
  const scopesOf = Effect.fnUntraced(function* (token: string) {
    const now = yield* Clock.currentTimeMillis
    const grant = grants.get(token)
    return grant !== undefined && now < grant.expiresAt ? grant.scopes : undefined
  })

  const revokeAll = () => grants.clear()

  return { issue, scopesOf, revokeAll }
}
export type Tokens = ReturnType<typeof make>
