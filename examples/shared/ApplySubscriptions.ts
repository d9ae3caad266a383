// Makes the service match what is declared, sees each subscription deliver, and notifies the registry.
import { Console, Effect, Result } from "effect"
import { type SubscriptionPlan, type SubscriptionResult, Subscriptions } from "../../src/index.ts"
import { printable } from "./ReportTable.ts"

const shown = (value: unknown): string => JSON.stringify(value)

/** What a plan would change, for people. */
export const describePlan = ({ actions }: SubscriptionPlan): string => {
  if (actions.length === 0) return "Nothing is declared, so there is nothing to do."
  return actions
    .flatMap((action): ReadonlyArray<string> => {
      switch (action._tag) {
        case "Create":
          return [`+ create    ${action.definition.name}`]
        case "Update":
          return [
            `~ update    ${action.definition.name} (${action.id})`,
            ...action.changes.map(({ after, before, field }) => `    ${field}: ${shown(before)} -> ${shown(after)}`)
          ]
        case "Unchanged":
          return [`= unchanged ${action.held.name} (${action.held.id})`]
        case "Delete":
          return [`- delete    ${action.name} (${action.id})`]
      }
    })
    .map(printable)
    .join("\n")
}

/** A result after its delivery was looked at, and what went wrong with it. */
interface Concluded {
  readonly result: SubscriptionResult
  readonly problems: ReadonlyArray<string>
}

const conclude = Effect.fnUntraced(function* (result: SubscriptionResult) {
  if (result.action === "unchanged") return { result, problems: [] } satisfies Concluded
  const subscriptions = yield* Subscriptions
  const problems: Array<string> = []
  let { state } = result
  if (result.action !== "delete") {
    yield* Console.error(printable(`Waiting for ${result.name} (${result.id}) to deliver`))
    const confirmed = yield* Effect.result(subscriptions.confirmDelivery(result.id))
    if (Result.isSuccess(confirmed)) state = confirmed.success.state
    else problems.push(confirmed.failure.message)
    if (Result.isFailure(confirmed) && confirmed.failure._tag === "DeliveryNotConfirmed")
      state = confirmed.failure.state
  }
  const synced = yield* Effect.result(subscriptions.syncRegistry(result.id, state))
  if (Result.isFailure(synced)) problems.push(synced.failure.message)
  return { result: { ...result, state }, problems } satisfies Concluded
})

/** Applies definitions. Returns what was done, and all that went wrong on the way. */
export const applyDefinitions = Effect.fnUntraced(function* (inputs: ReadonlyArray<unknown>, prune: boolean) {
  const subscriptions = yield* Subscriptions
  const plan = yield* subscriptions.plan(inputs, { prune })
  yield* Console.log(describePlan(plan))
  const applied = yield* subscriptions.apply(plan).pipe(
    Effect.map((done) => ({ results: done, problems: [] })),
    Effect.catchTag("ApplyIncomplete", (incomplete) => Effect.succeed(incomplete))
  )
  const concluded = yield* Effect.forEach(applied.results, conclude, { concurrency: 8 })
  return {
    results: concluded.map(({ result }) => result),
    problems: [
      ...applied.problems,
      ...concluded.flatMap(({ problems, result }) => problems.map((problem) => `${result.name}: ${problem}`))
    ]
  }
})

/** Results for people. */
export const describeResults = (results: ReadonlyArray<SubscriptionResult>): string =>
  results.map(({ action, id, name, state }) => printable(`${action.padEnd(9)} ${name} (${id}): ${state}`)).join("\n")

/** A result as `--json` prints it. */
export const asJson = ({ action, id, name, state }: SubscriptionResult) => ({ name, action, id, state })
