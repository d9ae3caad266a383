import type { FaultedRequest } from "./Fault.ts"

/** Timers fire a little early, and clocks of two processes are not read at once. */
const toleranceMillis = 5

/** What was answered, how often, and who did not wait. */
export class RequestLog {
  private readonly answers = new Map<string, Map<string, number>>()
  private readonly faultCounts = new Map<string, number>()
  private readonly notBefore = new Map<string, number>()
  private readonly attempts = new Map<string, number>()
  retryAfterViolations = 0
  payloadMismatches = 0
  readonly subscriptionWrites = { creates: 0, updates: 0, deletes: 0 }

  answered(route: string, status: string): void {
    let statuses = this.answers.get(route)
    if (statuses === undefined) this.answers.set(route, (statuses = new Map<string, number>()))
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }

  faulted(kind: string): void {
    this.faultCounts.set(kind, (this.faultCounts.get(kind) ?? 0) + 1)
  }

  /** Counts a request that is not a replay; returns its number among those of its route and key, from 1. */
  attempt(route: string, key: string): number {
    const name = `${route} ${key}`
    const attempt = (this.attempts.get(name) ?? 0) + 1
    this.attempts.set(name, attempt)
    return attempt
  }

  /** Notes that requests with this route and key were asked to wait until `deadline`, in epoch milliseconds. */
  askedToWait({ key, route }: FaultedRequest, deadline: number): void {
    this.notBefore.set(`${route} ${key}`, deadline)
  }

  arrived({ key, route }: FaultedRequest, now: number): void {
    if (this.notBefore.size === 0) return
    const name = `${route} ${key}`
    const deadline = this.notBefore.get(name)
    if (deadline === undefined) return
    if (now < deadline - toleranceMillis) this.retryAfterViolations++
    else this.notBefore.delete(name)
  }

  requests(): Record<string, Record<string, number>> {
    return Object.fromEntries(Array.from(this.answers, ([route, counts]) => [route, Object.fromEntries(counts)]))
  }

  faults(): Record<string, number> {
    return Object.fromEntries(this.faultCounts)
  }
}
