import { Context, Effect, Exit, Layer, Option, Schedule, Semaphore, Stream } from "effect"
import type { SubscriptionAuditRecord } from "../domain/AuditRecord.ts"
import type { EventBridgeError } from "../domain/EventBridgeError.ts"
import { quoted } from "../domain/Failure.ts"
import type { AuditError } from "../domain/ReplayError.ts"
import { type DeliveryStatus, isDelivering, type Subscription } from "../domain/Subscription.ts"
import { changesBetween, isApplied } from "../domain/SubscriptionChange.ts"
import { type SubscriptionDefinition, validator } from "../domain/SubscriptionDefinition.ts"
import {
  type AmbiguousName,
  DeliveryNotConfirmed,
  type InvalidSubscription,
  type QuotaExceeded,
  type RegistrySyncFailed
} from "../domain/SubscriptionError.ts"
import {
  actionFor,
  checkQuota,
  definitionsOf,
  makePlan,
  SubscriptionAction,
  type SubscriptionPlan
} from "../domain/SubscriptionPlan.ts"
import type { Audit } from "../services/Audit.ts"
import { EventBridgeConfig } from "../services/EventBridgeConfig.ts"
import { EventBridgeHttp } from "../services/EventBridgeHttp.ts"
import type { IdempotencyKeys } from "../services/IdempotencyKeys.ts"
import type { Metrics } from "../services/Metrics.ts"
import { Registry } from "../services/Registry.ts"
import {
  type ApplyIncomplete,
  applyPlan,
  type SubscriptionError,
  type SubscriptionResult
} from "./SubscriptionApply.ts"
import * as SubscriptionList from "./SubscriptionList.ts"
import * as SubscriptionRecords from "./SubscriptionRecords.ts"
import * as SubscriptionWrites from "./SubscriptionWrites.ts"

/** How long to wait for a delivery, and how often to ask. */
export interface ConfirmOptions {
  /** When to look again. By default after 1, 2, 4, 8, 15, 15 … seconds, ±20 %, 9 times: about 90 s. */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
}

const confirmSchedule = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("15 seconds")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 9 })
)

/**
 * The life cycle of subscriptions: create, update, delete, and see them deliver; or declare them and let `ensure` or
 * `apply` make it so, as often as you like. Definitions are checked before anything is sent. Its writes take turns.
 */
export class Subscriptions extends Context.Service<
  Subscriptions,
  {
    /**
     * Creates it, unless the service already holds it as described. Repeating this, even in another process, creates no
     * second subscription, unless the first was deleted since.
     */
    readonly create: (definition: SubscriptionDefinition) => Effect.Effect<Subscription, SubscriptionError>
    /** Makes it match the definition. Writes nothing if nothing differs. */
    readonly update: (id: string, definition: SubscriptionDefinition) => Effect.Effect<Subscription, SubscriptionError>
    readonly get: (id: string) => Effect.Effect<Subscription, EventBridgeError | AuditError>
    readonly list: Stream.Stream<Subscription, EventBridgeError | AuditError>
    readonly delete: (id: string) => Effect.Effect<void, EventBridgeError | AuditError>
    /** Creates, updates or leaves alone, by name. */
    readonly ensure: (definition: SubscriptionDefinition) => Effect.Effect<SubscriptionResult, SubscriptionError>
    /**
     * What has to be done for the service to hold what is declared. The definitions come from outside, and all of them
     * are checked. Writes nothing. With `prune`, subscriptions that nobody declared are to be deleted.
     */
    readonly plan: (
      definitions: ReadonlyArray<unknown>,
      options?: { readonly prune?: boolean | undefined }
    ) => Effect.Effect<SubscriptionPlan, EventBridgeError | InvalidSubscription | AmbiguousName | QuotaExceeded>
    /**
     * Carries out a plan, given what the service holds by now: what was deleted behind our back is created again, what
     * somebody else has created is not created twice, and nothing is deleted that the plan does not list, or once a
     * create or an update has failed.
     */
    readonly apply: (
      plan: SubscriptionPlan
    ) => Effect.Effect<
      ReadonlyArray<SubscriptionResult>,
      EventBridgeError | AmbiguousName | QuotaExceeded | ApplyIncomplete
    >
    /** Polls until its events arrive. */
    readonly confirmDelivery: (
      id: string,
      options?: ConfirmOptions
    ) => Effect.Effect<DeliveryStatus, EventBridgeError | DeliveryNotConfirmed | AuditError>
    /** Its delivery status whenever it changes, polled every 5 seconds by default. */
    readonly watch: (
      id: string,
      options?: { readonly schedule?: Schedule.Schedule<unknown> | undefined }
    ) => Stream.Stream<DeliveryStatus, EventBridgeError>
    /**
     * Notifies the registry; does nothing without a `registryUrl`. A failure concerns the registry alone: the
     * subscription is as it was.
     */
    readonly syncRegistry: (
      subscriptionId: string,
      state: string
    ) => Effect.Effect<void, RegistrySyncFailed | AuditError>
  }
>()("effect-cxone-eventbridge/workflows/Subscriptions") {
  static readonly make = Effect.gen(function* () {
    const http = yield* EventBridgeHttp
    const { failing, record, recorded } = yield* SubscriptionRecords.make
    const registry = yield* Registry
    const writes = yield* SubscriptionWrites.make
    const validate = validator((yield* EventBridgeConfig).vocabulary)
    // Two concurrent writers that look first and then write would each create a subscription of the same name.
    const { withPermit: oneAtATime } = yield* Semaphore.make(1)

    const held = SubscriptionList.all(http)

    const list = Stream.suspend(() => {
      let count = 0
      let isKept = false
      const keep = (status: SubscriptionAuditRecord["status"], details: string) => {
        isKept = true
        return record({ operation: "LIST", subscriptionId: null, status, details })
      }
      return SubscriptionList.stream(http).pipe(
        Stream.tap(() => Effect.sync(() => count++)),
        Stream.tapError(({ message }) => keep("FAILED", message)),
        Stream.concat(Stream.fromEffectDrain(Effect.suspend(() => keep("SUCCESS", `${count} subscriptions`)))),
        // The reader may stop early, having found what it wanted: then a failed record has nobody left to stop.
        Stream.onExit((exit) => {
          if (isKept) return Effect.void
          const kept = Exit.hasInterrupts(exit)
            ? keep("FAILED", "interrupted")
            : keep("SUCCESS", `${count} subscriptions, not read to the end`)
          return Effect.catch(kept, ({ message }) => Effect.logWarning(message))
        })
      )
    })

    const written = ({ idempotencyKey, subscription }: SubscriptionWrites.Written) => ({
      subscriptionId: subscription.id,
      details: `idempotency key ${idempotencyKey}`
    })

    const unchanged = (operation: "CREATE" | "UPDATE", { id }: Subscription) =>
      record({ operation, subscriptionId: id, status: "UNCHANGED", details: "it is as declared" })

    const createValid = (definition: SubscriptionDefinition, known: ReadonlyArray<Subscription>) =>
      writes.create(definition, known).pipe(
        recorded({ operation: "CREATE", name: definition.name }, written),
        Effect.map(({ subscription }) => subscription)
      )

    /** Returns what it has changed: nothing, if somebody else was quicker. */
    const updateValid = (current: Subscription, definition: SubscriptionDefinition) => {
      const changes = changesBetween(current, definition)
      return changes.length === 0
        ? Effect.as(unchanged("UPDATE", current), { subscription: current, changes })
        : writes.update(current, definition).pipe(
            recorded({ operation: "UPDATE", id: current.id }, written),
            Effect.map(({ subscription }) => ({ subscription, changes }))
          )
    }

    const updated = (current: Subscription, definition: SubscriptionDefinition) =>
      Effect.map(
        updateValid(current, definition),
        ({ changes, subscription: { id, name, state } }): SubscriptionResult => ({
          name,
          action: changes.length === 0 ? "unchanged" : "update",
          id,
          state,
          changes
        })
      )

    const remove = Effect.fn("Subscriptions.delete")((id: string) =>
      writes.remove(id).pipe(recorded({ operation: "DELETE", id }, () => ({ details: "deleted" })))
    )

    /** Already gone is as good as deleted. */
    const removeIfHeld = (id: string) =>
      Effect.as(writes.remove(id), true).pipe(
        Effect.catchReason("EventBridgeError", "NotFound", () => Effect.succeed(false)),
        recorded({ operation: "DELETE", id }, (isDeleted) =>
          isDeleted ? { details: "deleted" } : { status: "UNCHANGED", details: "it is gone already" }
        )
      )

    const perform = Effect.fnUntraced(function* (
      action: SubscriptionAction,
      known: ReadonlyArray<Subscription>
    ): Effect.fn.Return<SubscriptionResult, SubscriptionError> {
      switch (action._tag) {
        case "Create": {
          const { id, name, state } = yield* createValid(action.definition, known)
          return { name, action: "create", id, state, changes: [] }
        }
        case "Update": {
          const current = yield* failing({ operation: "UPDATE", id: action.id })(writes.find(action.id))
          return yield* Option.isNone(current)
            ? perform(SubscriptionAction.Create(action), known)
            : updated(current.value, action.definition)
        }
        case "Unchanged":
          return yield* updated(action.held, action.definition)
        case "Delete": {
          const { id, name } = action
          yield* removeIfHeld(id)
          return { name, action: "delete", id, state: "deleted", changes: [] }
        }
      }
    })

    const roomForOneMore = ({ name }: SubscriptionDefinition, { length }: ReadonlyArray<Subscription>) =>
      failing({ operation: "CREATE", name })(Effect.fromResult(checkQuota(length, length + 1)))

    const create = Effect.fn("Subscriptions.create")(function* (input: SubscriptionDefinition) {
      const definition = yield* Effect.fromResult(validate.one(input))
      const { name } = definition
      const known = yield* failing({ operation: "CREATE", name })(held)
      // The key prevents a second one only for as long as the service remembers it.
      const made = known.find((one) => isApplied(one, definition))
      if (made !== undefined) {
        yield* unchanged("CREATE", made)
        return made
      }
      yield* roomForOneMore(definition, known)
      return yield* createValid(definition, known)
    }, oneAtATime)

    const update = Effect.fn("Subscriptions.update")(function* (id: string, input: SubscriptionDefinition) {
      const definition = yield* Effect.fromResult(validate.one(input))
      const current = yield* failing({ operation: "UPDATE", id })(http.getSubscription(id))
      const { subscription } = yield* updateValid(current, definition)
      return subscription
    }, oneAtATime)

    const get = Effect.fn("Subscriptions.get")((id: string) =>
      http.getSubscription(id).pipe(recorded({ operation: "GET", id }, ({ state }) => ({ details: `state ${state}` })))
    )

    const ensure = Effect.fn("Subscriptions.ensure")(function* (input: SubscriptionDefinition) {
      const definition = yield* Effect.fromResult(validate.one(input))
      const current = yield* held
      const action = yield* Effect.fromResult(actionFor(definition, current))
      if (action._tag === "Create") yield* roomForOneMore(definition, current)
      return yield* perform(action, current)
    }, oneAtATime)

    const plan = Effect.fn("Subscriptions.plan")(function* (
      inputs: ReadonlyArray<unknown>,
      options?: { readonly prune?: boolean | undefined }
    ) {
      const definitions = yield* Effect.fromResult(validate.all(inputs))
      return yield* Effect.fromResult(makePlan(definitions, yield* held, () => options?.prune === true))
    })

    const apply = Effect.fn("Subscriptions.apply")(function* (planned: SubscriptionPlan) {
      const deletable = new Map(
        planned.actions.filter(SubscriptionAction.$is("Delete")).map(({ id, name }) => [id, name])
      )
      const current = yield* held
      for (const { id, name } of current) {
        const plannedName = deletable.get(id)
        if (plannedName === undefined || plannedName === name) continue
        yield* Effect.logWarning(
          `${quoted(id)} was to be deleted as "${quoted(plannedName)}" and is "${quoted(name)}" now: it is left as it is`
        )
      }
      const isDue = ({ id, name }: Subscription): boolean => deletable.get(id) === name
      const due = yield* Effect.fromResult(makePlan(definitionsOf(planned), current, isDue))
      return yield* applyPlan(due, (action) => perform(action, current))
    }, oneAtATime)

    const confirmDelivery = Effect.fn("Subscriptions.confirmDelivery")((id: string, options?: ConfirmOptions) =>
      Effect.suspend(() => {
        let polls = 0
        return http.deliveryStatus(id).pipe(
          Effect.tap(() => Effect.sync(() => polls++)),
          Effect.repeat({ schedule: options?.schedule ?? confirmSchedule, until: isDelivering }),
          Effect.flatMap((status) => (isDelivering(status) ? Effect.succeed(status) : notConfirmed(id, status, polls))),
          recorded({ operation: "CONFIRM_DELIVERY", id }, ({ state }) => ({
            details: `state ${state} after ${polls} polls`
          }))
        )
      })
    )

    const watch = (id: string, options?: { readonly schedule?: Schedule.Schedule<unknown> | undefined }) =>
      Stream.fromEffectSchedule(http.deliveryStatus(id), options?.schedule ?? Schedule.spaced("5 seconds")).pipe(
        Stream.changes
      )

    const syncRegistry = Effect.fn("Subscriptions.syncRegistry")((subscriptionId: string, state: string) =>
      registry.isConfigured
        ? registry.sync(subscriptionId, state).pipe(
            recorded({ operation: "SYNC_REGISTRY", id: subscriptionId }, () => ({
              details: `notified of state ${state}`
            }))
          )
        : Effect.void
    )

    return Subscriptions.of({
      create,
      update,
      get,
      list,
      delete: (id) => oneAtATime(remove(id)),
      ensure,
      plan,
      apply,
      confirmDelivery,
      watch,
      syncRegistry
    })
  })

  static readonly layer: Layer.Layer<
    Subscriptions,
    never,
    Audit | EventBridgeConfig | EventBridgeHttp | IdempotencyKeys | Metrics | Registry
  > = Layer.effect(Subscriptions, Subscriptions.make)
}

const notConfirmed = (subscriptionId: string, { lastDeliveryError, state }: DeliveryStatus, polls: number) =>
  Effect.fail(
    new DeliveryNotConfirmed({
      subscriptionId,
      state,
      polls,
      ...((lastDeliveryError ?? "") === "" ? {} : { lastDeliveryError: lastDeliveryError ?? "" })
    })
  )
