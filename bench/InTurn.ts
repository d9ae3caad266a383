// Alternatives one after the other, round after round, so that none has the quieter machine.
import { Console, Effect } from "effect"
import type { BenchFault } from "./BenchFault.ts"

export interface Alternative<A, R> {
  readonly name: string
  readonly run: Effect.Effect<A, BenchFault, R>
}

/** The samples of each alternative, in the order of the rounds; each is printed as it is taken. */
export const run = Effect.fnUntraced(function* <A, R>(
  measurement: string,
  rounds: number,
  alternatives: ReadonlyArray<Alternative<A, R>>,
  tell: (sample: A) => string
) {
  const samples = new Map<string, Array<A>>(alternatives.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const { name, run: take } of alternatives) {
      const sample = yield* take
      samples.get(name)?.push(sample)
      yield* Console.error(`${measurement}, round ${round} of ${rounds}, ${name}: ${tell(sample)}`)
    }
  }
  return (name: string): ReadonlyArray<A> => samples.get(name) ?? []
})
