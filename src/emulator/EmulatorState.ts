import { Clock, Duration, Effect } from "effect"
import { AnsweredKeys } from "./AnsweredKeys.ts"
import type { ResolvedOptions } from "./EmulatorOptions.ts"
import type { EmulatorStats } from "./EmulatorStats.ts"
import { KeyLedger } from "./KeyLedger.ts"
import * as LetterSource from "./LetterSource.ts"
import * as Pages from "./Pages.ts"
import { RequestLog } from "./RequestLog.ts"
import { SubscriptionStore } from "./SubscriptionStore.ts"
import * as Tokens from "./Tokens.ts"

const letterLimits: Pages.Limits = { byDefault: 50, most: 1000 }
const subscriptionLimits: Pages.Limits = { byDefault: 25, most: 100 }

/** Everything an emulator knows. Mutable, and never suspended between a check and the change that depends on it. */
export const make = Effect.fnUntraced(function* (options: ResolvedOptions) {
  const letters = yield* LetterSource.make(options)
  const log = new RequestLog()
  const retentionMillis = Duration.toMillis(options.keyRetention)
  const ledger = new KeyLedger(retentionMillis)
  const answeredKeys = new AnsweredKeys(retentionMillis)
  const subscriptions = new SubscriptionStore(options.delivery)
  const now = yield* Clock.currentTimeMillis
  for (const definition of options.subscriptions) subscriptions.add(definition, now)
  const stats = Effect.sync((): EmulatorStats => ({
    deliveries: ledger.deliveries(),
    requests: log.requests(),
    faults: log.faults(),
    attempts: ledger.retried(),
    distinctBodies: ledger.distinctBodies(),
    retryAfterViolations: log.retryAfterViolations,
    payloadMismatches: log.payloadMismatches,
    subscriptionWrites: { ...log.subscriptionWrites }
  }))
  return {
    options,
    letters,
    page: Pages.make(LetterSource.listing(letters), letterLimits, options),
    subscriptions,
    subscriptionPage: Pages.make(subscriptions, subscriptionLimits, options),
    tokens: Tokens.make(options),
    ledger,
    answeredKeys,
    log,
    stats
  }
})
export type EmulatorState = Effect.Success<ReturnType<typeof make>>
