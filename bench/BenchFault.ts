import { Effect, Schema, type Scope } from "effect"

/** What was measured is not what was meant to be measured: no figure of this bench counts. */
export class BenchFault extends Schema.TaggedError<BenchFault>()("BenchFault", {
  /** The measurement, and which of its alternatives. */
  where: Schema.String,
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `The bench failed in ${this.where}:\n${this.problems.map((problem) => `  ${problem}`).join("\n")}`
  }
}

/** Closes what an effect opened; a failure that does not say where it happened, happened here. */
export const asFault =
  (where: string) =>
  <A, E extends { readonly message: string }, R>(
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, BenchFault, Exclude<R, Scope.Scope>> =>
    Effect.mapError(Effect.scoped(effect), (error) =>
      error instanceof BenchFault ? error : new BenchFault({ where, problems: [error.message] })
    )
