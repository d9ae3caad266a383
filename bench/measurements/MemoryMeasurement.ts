import { Duration, Effect } from "effect"
import * as InTurn from "../InTurn.ts"
import * as Outcome from "../Outcome.ts"
import { type Plan, scaled } from "../Plan.ts"
import * as ReplaySubject from "../ReplaySubject.ts"
import { summarize } from "../Statistics.ts"
import type { Found } from "../SubjectProcess.ts"

export const title = "Peak memory of Replay.run on a short and on a long queue"

/** The long run may take this long; any more and the whole bench takes too long. */
const longest = Duration.toSeconds("230 seconds")

/**
 * Left alone V8 lets its heap grow by more than a hundred megabytes before it collects what is dead: that would be all there
 * is to see. What is alive has to fit in here.
 */
const nodeFlags = ["--max-old-space-size=96", "--max-semi-space-size=16"]

const run = (letters: number, atMost: Duration.Input) =>
  ReplaySubject.run(`memory: ${letters} letters`, {
    subject: "replay.ts",
    concurrency: 64,
    latencyMillis: 0,
    letters,
    warmUp: 0,
    isAudited: true,
    nodeFlags,
    atMost
  })

/** The whole queue, or as much of it as fits in the time, at the speed of the short runs, which are slower. */
const lettersInTime = (plan: Plan, samples: ReadonlyArray<Found>) => {
  const all = scaled(plan, 1_000_000)
  const possible = Outcome.rateOf(samples).median * longest * plan.share
  return possible >= all ? all : Math.max(Math.floor(possible / 1000), 1) * 1000
}

export const measure = Effect.fnUntraced(function* (plan: Plan) {
  const few = scaled(plan, 10_000)
  const name = (letters: number) => `${letters.toLocaleString("en")} letters`
  const samples = Effect.fnUntraced(function* (rounds: number, letters: number, atMost: Duration.Input) {
    const alternative = { name: name(letters), run: run(letters, atMost) }
    return (yield* InTurn.run("memory", rounds, [alternative], Outcome.tell))(alternative.name)
  })
  const short = yield* samples(plan.rounds, few, "1 minute")
  const many = lettersInTime(plan, short)
  // Once: a long run has its own median.
  const long = yield* samples(1, many, Duration.seconds(longest * 2))
  const base = summarize(short.map(({ peakRssBytes }) => peakRssBytes)).median
  const more = summarize(long.map(({ peakRssBytes }) => (peakRssBytes - base) / 2 ** 20))
  const isWhole = many === scaled(plan, 1_000_000)
  const growth = Outcome.comparison(`${name(many)} over ${name(few)}`, more, {
    unit: "MB",
    demand: { relation: "at most", value: 32 }
  })
  return {
    rows: [Outcome.rowOf(name(few), "letters", short), Outcome.rowOf(name(many), "letters", long)],
    // A part of the queue proves nothing about the whole of it.
    comparisons: [isWhole ? growth : { ...growth, isMet: false }],
    notes: [
      `Both with node ${nodeFlags.join(" ")}: otherwise V8 lets its heap grow before it collects what is dead.`,
      ...(isWhole ? [] : [`At this speed ${name(scaled(plan, 1_000_000))} would take longer than a bench may.`])
    ]
  } satisfies Outcome.Outcome
})
