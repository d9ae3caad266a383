import { Predicate } from "effect"
import type { DeliveryStatus, Subscription } from "../domain/Subscription.ts"
import { type DeliveryOption, statusAfter } from "./Delivery.ts"
import type { Listing } from "./Listing.ts"

/** The least a subscription can be made of; usually a whole definition. */
export interface HeldDefinition {
  readonly name: string
  readonly [member: string]: unknown
}

/** What the service fills in where a dead letter queue says nothing of it. */
const defaultRetentionDays = 7

interface Held {
  readonly id: string
  readonly serial: number
  readonly createdDate: string
  definition: HeldDefinition
  /** Since the last update. */
  polls: number
}

/** The subscriptions of the organization. */
export class SubscriptionStore implements Listing {
  private readonly delivery: DeliveryOption
  /** Maps keep their order, which is that of the serials. */
  private readonly held = new Map<string, Held>()
  private serials = 0

  constructor(delivery: DeliveryOption) {
    this.delivery = delivery
  }

  get size(): number {
    return this.held.size
  }

  private status({ definition, polls }: Held): DeliveryStatus {
    return statusAfter(this.delivery, definition.name, polls)
  }

  private show(held: Held): Subscription {
    const { createdDate, definition, id } = held
    const { deadLetterQueue } = definition
    return {
      ...definition,
      ...(Predicate.isObject(deadLetterQueue)
        ? { deadLetterQueue: { retentionDays: defaultRetentionDays, ...deadLetterQueue } }
        : {}),
      id,
      name: definition.name,
      state: this.status(held).state,
      createdDate,
      // A member that no definition has: clients have to cope with those.
      organizationId: "org_emulator"
    }
  }

  /** Makes one, whatever there is already. */
  add(definition: HeldDefinition, now: number): Subscription {
    const serial = ++this.serials
    const id = `sub_${String(serial).padStart(6, "0")}`
    const held: Held = { id, serial, createdDate: new Date(now).toISOString(), definition, polls: 0 }
    this.held.set(id, held)
    return this.show(held)
  }

  /** Replaces the definition of one; `undefined` when there is none of this id, as for all that follow. */
  replace(id: string, definition: HeldDefinition): Subscription | undefined {
    const held = this.held.get(id)
    if (held === undefined) return undefined
    held.definition = definition
    held.polls = 0
    return this.show(held)
  }

  get(id: string): Subscription | undefined {
    const held = this.held.get(id)
    return held === undefined ? undefined : this.show(held)
  }

  /** Returns the state of delivery, and counts the poll. */
  poll(id: string): DeliveryStatus | undefined {
    const held = this.held.get(id)
    if (held === undefined) return undefined
    const status = this.status(held)
    held.polls++
    return status
  }

  duplicate(id: string, now: number): Subscription | undefined {
    const held = this.held.get(id)
    return held === undefined ? undefined : this.add(held.definition, now)
  }

  /** Whether there was one of this id. */
  remove(id: string): boolean {
    return this.held.delete(id)
  }

  all(): ReadonlyArray<Subscription> {
    return Array.from(this.held.values(), (held) => this.show(held))
  }

  // Positions are serials, so that what is deleted between two pages moves nothing out of the next.
  private after(position: number): ReadonlyArray<Held> {
    return Array.from(this.held.values()).filter(({ serial }) => serial > position)
  }

  left(position: number): number {
    return position > this.serials ? -1 : this.after(position).length
  }

  take(position: number, count: number) {
    const taken = this.after(position).slice(0, count)
    return { entries: taken.map((held) => this.show(held)), end: taken.at(-1)?.serial ?? position }
  }
}
