import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as FileLease from "../../src/services/FileLease.ts"
import { Disk } from "./support/Disk.ts"
import { Machines } from "./support/Processes.ts"

const path = "/state/run"
const expiry = 30_000

/** Processes on one disk, of which only one moves at a time, and by one step. */
class Race {
  readonly machines = new Machines(new Disk())
  readonly actors: Array<Actor> = []
  readonly links: "made" | "none"
  constructor(links: "made" | "none") {
    this.links = links
  }
  get isOneMachine() {
    return new Set(this.actors.map(({ host }) => host)).size === 1
  }
}

type Phase = "taking" | "holding" | "ended"

class Actor {
  phase: Phase = "taking"
  outcome: "none" | "held" | "refused" | "lost" | "failed" = "none"
  /** Opens for its next step, while it waits for one. */
  gate: Deferred.Deferred<void> | undefined
  isCrashed = false
  readonly letGo = Deferred.makeUnsafe<void>()
  readonly pid: number
  readonly host: string
  constructor(pid: number, host: string) {
    this.pid = pid
    this.host = host
  }
}

/** Everything that can go on without a step does. */
const settle = Effect.andThen(Effect.yieldNow, Effect.yieldNow)

const enter = Effect.fnUntraced(function* (race: Race, pid: number, host: string) {
  const actor = new Actor(pid, host)
  race.actors.push(actor)
  const before = () =>
    Effect.suspend(() => {
      if (actor.isCrashed) return Effect.never
      actor.gate = Deferred.makeUnsafe<void>()
      return Deferred.await(actor.gate)
    })
  yield* Effect.gen(function* () {
    const lease = yield* FileLease.acquire(path)
    actor.phase = "holding"
    actor.outcome = "held"
    yield* Effect.raceFirst(lease.lost, Deferred.await(actor.letGo))
  }).pipe(
    Effect.ensuring(Effect.sync(() => (actor.phase = "ended"))),
    Effect.scoped,
    Effect.catchTags({
      LeaseHeld: () => Effect.sync(() => (actor.outcome = "refused")),
      LeaseLost: () => Effect.sync(() => (actor.outcome = "lost")),
      PlatformError: () => Effect.sync(() => (actor.outcome = "failed"))
    }),
    Effect.provide(race.machines.layer({ pid, host, before, links: race.links })),
    Effect.forkDetach
  )
  yield* settle
  return actor
})

const step = (actor: Actor) =>
  Effect.suspend(() => {
    const gate = actor.gate
    actor.gate = undefined
    return gate === undefined ? Effect.void : Effect.andThen(Deferred.succeed(gate, undefined), settle)
  })

const crash = ({ machines }: Race, actor: Actor) => {
  actor.isCrashed = true
  actor.gate = undefined
  machines.dead.add(actor.pid)
}

/** When the newest of its files was dated: what a machine that cannot see it judges by. */
const datedAt = ({ machines: { disk } }: Race, { pid }: Actor) =>
  Math.max(
    ...Array.from(disk.entries)
      .filter(([file]) => /\/\d+$/.test(file) && disk.text(file)?.includes(`"pid":${pid},`))
      .map(([, { modifiedAt }]) => modifiedAt)
  )

/** Those who may act on the lease: on one machine all who believe to hold it, across machines until it has expired. */
const holders = (race: Race) =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    race.actors.filter(
      (actor) =>
        actor.phase === "holding" && !actor.isCrashed && (race.isOneMachine || now - datedAt(race, actor) < expiry)
    )
  )

const assertOne = Effect.fnUntraced(function* (race: Race) {
  assert.isAtMost((yield* holders(race)).length, 1)
})

/** Lets every process that lives come to its end. */
const finish = Effect.fnUntraced(function* (race: Race) {
  for (let rounds = 0; rounds < 400; rounds++) {
    const open = race.actors.filter(({ gate }) => gate !== undefined)
    if (open.length === 0) break
    for (const actor of open) {
      yield* step(actor)
      yield* assertOne(race)
    }
  }
})

/** Plays what was drawn: whose step is next, who lets go, who dies, how much time passes. */
const play = Effect.fnUntraced(function* (race: Race, draws: ReadonlyArray<number>, crashes: number) {
  let left = crashes
  for (const draw of draws) {
    const living = race.actors.filter(({ isCrashed, phase }) => !isCrashed && phase !== "ended")
    const actor = living[draw % Math.max(1, living.length)]
    const kind = Math.floor(draw / 7) % 20
    if (kind === 0) yield* TestClock.adjust("4 seconds")
    else if (kind === 3 && race.actors.length < 9) {
      yield* enter(race, race.actors.length + 1, race.actors[draw % race.actors.length]?.host ?? "a")
    } else if (actor === undefined) continue
    else if (kind === 1 && left > 0) {
      left--
      crash(race, actor)
    } else if (kind === 2 && actor.phase === "holding") {
      yield* Deferred.succeed(actor.letGo, undefined)
    } else yield* step(actor)
    yield* settle
    yield* assertOne(race)
  }
})

const Draws = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))).check(
  Schema.isMinLength(30),
  Schema.isMaxLength(240)
)
const Links = Schema.Literals(["made", "none"])

describe("processes that want one lease", () => {
  it.effect.prop(
    "two, three or four on one machine, some of which die midway: never two hold it, and it is never stuck",
    [Draws, Schema.Literals([2, 3, 4]), Schema.Literals([0, 1, 2]), Links],
    ([draws, size, crashes, links]) =>
      Effect.gen(function* () {
        const race = new Race(links)
        for (let pid = 1; pid <= size; pid++) yield* enter(race, pid, "a")
        yield* play(race, draws, crashes)
        yield* finish(race)
        const living = race.actors.filter(({ isCrashed }) => !isCrashed)
        assert.isFalse(living.some(({ outcome }) => outcome === "none" || outcome === "failed" || outcome === "lost"))
        if (race.machines.dead.size === 0) assert.isTrue(living.some(({ outcome }) => outcome === "held"))
        for (const actor of living) yield* Deferred.succeed(actor.letGo, undefined)
        yield* settle
        yield* finish(race)
        // Without links a crash can leave a file that does not tell whose it is.
        if (links === "none") yield* TestClock.adjust("31 seconds")
        const next = yield* enter(race, 99, "a")
        yield* finish(race)
        assert.strictEqual(next.outcome, "held")
        assert.isAtMost(race.machines.disk.names(`${path}.lease`).length, 2)
      }),
    { arbitrary: { runs: 120 } }
  )

  it.effect.prop(
    "on two machines that cannot see each other: never two hold it that has not expired, and it frees itself",
    [Draws, Schema.Literals([2, 3, 4]), Schema.Literals([0, 1, 2]), Links],
    ([draws, size, crashes, links]) =>
      Effect.gen(function* () {
        const race = new Race(links)
        for (let pid = 1; pid <= size; pid++) yield* enter(race, pid, pid % 2 === 0 ? "a" : "b")
        yield* play(race, draws, crashes)
        yield* finish(race)
        for (const actor of race.actors) yield* Deferred.succeed(actor.letGo, undefined)
        yield* settle
        yield* finish(race)
        yield* TestClock.adjust("31 seconds")
        yield* finish(race)
        const next = yield* enter(race, 99, "c")
        yield* finish(race)
        assert.strictEqual(next.outcome, "held")
      }),
    { arbitrary: { runs: 120 } }
  )
})
