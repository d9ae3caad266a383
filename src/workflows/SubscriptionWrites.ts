import { Effect, Equal, Option, Result, Schedule } from "effect"
import type { EventBridgeError } from "../domain/EventBridgeError.ts"
import type { Subscription } from "../domain/Subscription.ts"
import { changesBetween, heldDefinition, isApplied } from "../domain/SubscriptionChange.ts"
import { isSameName, type SubscriptionDefinition } from "../domain/SubscriptionDefinition.ts"
import { type InvalidSubscription, WriteNotApplied, WriteUnconfirmed } from "../domain/SubscriptionError.ts"
import { EventBridgeHttp } from "../services/EventBridgeHttp.ts"
import { IdempotencyKeys } from "../services/IdempotencyKeys.ts"
import * as SubscriptionList from "./SubscriptionList.ts"

/** A write that is known to have been done. */
export interface Written {
  /** As the service holds it after the write. */
  readonly subscription: Subscription
  readonly idempotencyKey: string
}

/** A write, and what the service holds after it: what was wanted, if the write failed other than with 409. */
interface Sent {
  readonly answered: Result.Result<Subscription, EventBridgeError>
  readonly held: Option.Option<Subscription>
}

export type WriteError = EventBridgeError | InvalidSubscription | WriteNotApplied | WriteUnconfirmed

/** How many keys a write is sent under before it is given up. */
const maxGenerations = 32

/** A 409 may also be about something other than the key; then no other key helps. */
const maxConflicts = 8

/** The service may take a moment to show what it has done: it is looked at again after 100, 200 and 400 ms. */
const readBackSchedule = Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 3 }))

/** A new subscription may take longer to be shown, and the next key would make a second one: 100 ms to 3.2 s, 6.3 s in all. */
const createdSchedule = Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 6 }))

/** How long a look at the result of a failed write may take; if nothing is seen by then, the write's failure stands. */
const lookPatience = "30 seconds"

const resource = "/api/v2/eventbridge/subscriptions"

/**
 * Writes that are read back. The service answers an idempotency key it knows from memory, or with 409, and does
 * nothing, so neither answer shows whether a write was done. Only if the service shows that it was not, the next
 * generation of the key is sent: a second subscription, or a second change, is worse than an error. A failure does not
 * show it either, if a try may have arrived: whatever the service is then seen to hold was done.
 */
export const make = Effect.gen(function* () {
  const http = yield* EventBridgeHttp
  const keys = yield* IdempotencyKeys

  const find = (id: string) =>
    http.getSubscription(id).pipe(
      Effect.map(Option.some),
      Effect.catchReason("EventBridgeError", "NotFound", () => Effect.succeed(Option.none<Subscription>()))
    )

  /** The subscription after a write: as wanted, or as it still is when time is up. */
  const readBack = (id: string, definition: SubscriptionDefinition, schedule = readBackSchedule) =>
    find(id).pipe(Effect.repeat({ schedule, until: Option.exists((held) => isApplied(held, definition)) }))

  /** The subscription of that name: a 409 carries no id. */
  const readBackByName = (definition: SubscriptionDefinition) =>
    Effect.map(SubscriptionList.all(http), (held) => {
      const namesakes = held.filter(({ name }) => name === definition.name)
      const applied = namesakes.find((namesake) => isApplied(namesake, definition))
      return Option.fromUndefinedOr(applied ?? namesakes[0])
    }).pipe(Effect.repeat({ schedule: readBackSchedule, until: Option.exists((held) => isApplied(held, definition)) }))

  const notApplied = (definition: SubscriptionDefinition, id: string, held: Option.Option<Subscription>) =>
    new WriteNotApplied({
      name: definition.name,
      id,
      changes: Option.match(held, { onNone: () => [], onSome: (found) => changesBetween(found, definition) })
    })

  /** Sends a write and looks at what came of it: by its id, or by its name if no id is known. */
  const send = Effect.fnUntraced(function* (
    definition: SubscriptionDefinition,
    knownId: string | undefined,
    write: Effect.Effect<Subscription, EventBridgeError>
  ): Effect.fn.Return<Sent, EventBridgeError | WriteUnconfirmed> {
    const answered = yield* Effect.result(write)
    const id = knownId ?? (Result.isSuccess(answered) ? answered.success.id : undefined)
    const schedule = knownId === undefined ? createdSchedule : readBackSchedule
    const look = id === undefined ? readBackByName(definition) : readBack(id, definition, schedule)
    if (Result.isSuccess(answered) || answered.failure.reason._tag === "DuplicateDetected") {
      const known = id === undefined ? {} : { id }
      const unconfirmed = (error: EventBridgeError) => new WriteUnconfirmed({ name: definition.name, ...known, error })
      return { answered, held: yield* Effect.mapError(look, unconfirmed) }
    }
    const held = isOpen(answered.failure) ? Option.flatten(yield* seen(look)) : Option.none()
    return Option.exists(held, (found) => isApplied(found, definition)) ? { answered, held } : yield* answered.failure
  })

  /**
   * Nothing was created if the service holds nothing, or one that was `known` before under another name. Anything else
   * may be what this write has created, now or before, whatever name and definition the service gives it: no second one
   * is requested.
   */
  const create = Effect.fnUntraced(function* (
    definition: SubscriptionDefinition,
    known: ReadonlyArray<Subscription>
  ): Effect.fn.Return<Written, WriteError> {
    yield* http.authorize(["CreateSubscription"])
    const isRenamed = ({ id }: Subscription): boolean =>
      known.some((one) => one.id === id && !isSameName(one.name, definition.name))
    for (let generation = 0; ; generation++) {
      const idempotencyKey = yield* keys.keyOf({ method: "POST", resource, definition, against: null, generation })
      const write = http.createSubscription({ definition, idempotencyKey })
      const { answered, held } = yield* send(definition, undefined, write)
      if (Option.isSome(held) && isApplied(held.value, definition)) {
        return { subscription: held.value, idempotencyKey }
      }
      if (Option.isSome(held) && !isRenamed(held.value)) return yield* notApplied(definition, held.value.id, held)
      if (isLast(generation, answered)) {
        return yield* Result.isSuccess(answered) ? notApplied(definition, answered.success.id, held) : answered.failure
      }
    }
  })

  /** It was not done if everything is as it was; anything else the service made of it is reported, not overwritten. */
  const update = Effect.fnUntraced(function* (
    before: Subscription,
    definition: SubscriptionDefinition
  ): Effect.fn.Return<Written, WriteError> {
    yield* http.authorize(["UpdateSubscription"])
    const { id } = before
    const against = heldDefinition(before)
    for (let generation = 0; ; generation++) {
      const idempotencyKey = yield* keys.keyOf({
        method: "PUT",
        resource: `${resource}/${id}`,
        definition,
        against,
        generation
      })
      const write = http.updateSubscription(id, { definition, idempotencyKey })
      const { answered, held } = yield* send(definition, id, write)
      if (Option.isSome(held) && isApplied(held.value, definition)) {
        return { subscription: held.value, idempotencyKey }
      }
      const isAsBefore = Option.exists(held, (after) => Equal.equals(heldDefinition(after), against))
      if (!isAsBefore) return yield* notApplied(definition, id, held)
      if (isLast(generation, answered)) {
        return yield* Result.isSuccess(answered) ? notApplied(definition, id, held) : answered.failure
      }
    }
  })

  /** Deletes it. If it is gone after a try that may have arrived, this very delete is what deleted it. */
  const remove = (id: string) =>
    Effect.andThen(
      http.authorize(["DeleteSubscription"]),
      Effect.catch(http.deleteSubscription(id), (error) => {
        if (!isOpen(error)) return Effect.fail(error)
        if (error.reason._tag === "NotFound") return Effect.void
        return Effect.flatMap(seen(find(id)), (looked) =>
          Option.exists(looked, Option.isNone) ? Effect.void : Effect.fail(error)
        )
      })
    )

  return { create, find, remove, update }
})

/** Whether a failure leaves open that the write was done: a try may have arrived, or a success could not be read. */
const isOpen = ({ ambiguous, reason }: EventBridgeError): boolean => ambiguous || reason._tag === "MalformedResponse"

/** What a look shows; nothing if it fails too, or takes too long. */
const seen = <A>(look: Effect.Effect<A, EventBridgeError>): Effect.Effect<Option.Option<A>> =>
  Effect.catch(Effect.timeoutOption(look, lookPatience), () => Effect.succeedNone)

const isLast = (generation: number, answered: Result.Result<unknown, unknown>): boolean =>
  generation + 1 >= (Result.isSuccess(answered) ? maxGenerations : maxConflicts)
