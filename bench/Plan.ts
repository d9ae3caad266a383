// How much is measured.

export interface Plan {
  /** Samples of each alternative. */
  readonly rounds: number
  /** The share of the letters, records and reads that a whole bench takes. */
  readonly share: number
}

export const full: Plan = { rounds: 5, share: 1 }

/** Shows in seconds that everything works; its figures mean nothing. */
export const quick: Plan = { rounds: 1, share: 0.02 }

/** This plan's share of the given count. */
export const scaled = (plan: Plan, count: number): number => Math.max(Math.ceil(count * plan.share), 10)
