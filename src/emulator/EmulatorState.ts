import { Duration, Effect } from "effect"
import type { ResolvedOptions } from "./EmulatorOptions.ts"
import type { EmulatorStats } from "./EmulatorStats.ts"
import { KeyLedger } from "./KeyLedger.ts"
import * as LetterSource from "./LetterSource.ts"
import * as Pages from "./Pages.ts"
import { RequestLog } from "./RequestLog.ts"
import * as Tokens from "./Tokens.ts"

/** Everything an emulator knows. Mutable, and changed without a pause between looking and taking. */
export const make = Effect.fnUntraced(function* (options: ResolvedOptions) {
  const letters = yield* LetterSource.make(options)
  const log = new RequestLog()
  const ledger = new KeyLedger(Duration.toMillis(options.keyRetention))
  const stats = Effect.sync((): EmulatorStats => ({
    deliveries: ledger.deliveries(),
    requests: log.requests(),
    faults: log.faults(),
    attempts: ledger.retried(),
    distinctBodies: ledger.distinctBodies(),
    retryAfterViolations: log.retryAfterViolations,
    payloadMismatches: log.payloadMismatches
  }))
  return { options, letters, page: Pages.make(letters, options), tokens: Tokens.make(options), ledger, log, stats }
})
export type EmulatorState = Effect.Success<ReturnType<typeof make>>
