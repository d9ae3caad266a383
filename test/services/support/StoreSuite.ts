// What every store of runs does, wherever it keeps them.
import { assert, it } from "@effect/vitest"
import { Effect, Exit, type Layer, Option, type PlatformError, Result, Scope } from "effect"
import { KeyValueStore } from "effect/persistence"
import type { SqlError } from "effect/sql"
import { CheckpointError, Checkpoints, RunInProgress, type RunCheckpoint, type StoredRun } from "../../../src/index.ts"
import type { Named } from "./Processes.ts"
import { checkpoint, report } from "./Runs.ts"

/** What setting up a store fails with: the test then fails. */
type SetUpError = PlatformError.PlatformError | SqlError.SqlError | CheckpointError

/** A store, empty at first, and the processes that use it. */
export interface Store {
  /** What a process has open; closed with the scope. */
  readonly open: (
    process: Named
  ) => Effect.Effect<Layer.Layer<Checkpoints | KeyValueStore.KeyValueStore>, SetUpError, Scope.Scope>
  readonly dead: Set<number>
}

const oddIds = [
  "run/1 ü",
  "..",
  ".",
  "a%2Fb",
  "night.lease",
  "+leases",
  "+draft-1",
  "x+draft-1",
  "🦜",
  " ",
  "replay-run:x",
  "'; --",
  "x".repeat(240)
]

export const storeSuite = (
  make: Effect.Effect<Store, SetUpError, Scope.Scope>,
  options: { readonly isShared: boolean }
) => {
  const opened = Effect.flatMap(make, (store) => store.open({ pid: 1 }))
  const withStore = <A, E>(effect: Effect.Effect<A, E, Checkpoints | KeyValueStore.KeyValueStore>) =>
    Effect.flatMap(opened, (layer) => Effect.provide(effect, layer))

  const save = (next: RunCheckpoint = checkpoint) => Effect.flatMap(Checkpoints, (runs) => runs.save(next))
  const load = (runId: string = checkpoint.runId) => Effect.flatMap(Checkpoints, (runs) => runs.load(runId))
  const list = Effect.flatMap(Checkpoints, (runs) => runs.list)

  it.live("what was saved is loaded, member for member, also by another process", () =>
    Effect.gen(function* () {
      const store = yield* make
      const first = yield* store.open({ pid: 1 })
      yield* Effect.provide(save(), first)
      assert.deepStrictEqual(yield* Effect.provide(load(), first), Option.some(checkpoint))
      const done = { ...checkpoint, pageToken: null, report }
      yield* Effect.provide(save(done), first)
      assert.deepStrictEqual(yield* Effect.provide(load(), yield* store.open({ pid: 2 })), Option.some(done))
      assert.deepStrictEqual(yield* Effect.provide(load("another"), first), Option.none())
    })
  )

  it.live("any run id is a run of its own", () =>
    withStore(
      Effect.gen(function* () {
        const { acquire, remove } = yield* Checkpoints
        for (const [index, runId] of oddIds.entries()) yield* save({ ...checkpoint, runId, settledPages: index })
        for (const [index, runId] of oddIds.entries()) {
          assert.deepInclude(Option.getOrThrow(yield* load(runId)), { runId, settledPages: index })
          yield* acquire(runId)
        }
        assert.deepStrictEqual(new Set((yield* list).map(({ runId }) => runId)), new Set(oddIds))
        for (const runId of oddIds) assert.instanceOf(yield* Effect.flip(remove(runId)), RunInProgress)
      }).pipe(Effect.scoped)
    )
  )

  it.live("runs are listed with their results, by start time", () =>
    Effect.gen(function* () {
      const store = yield* make
      const layer = yield* store.open({ pid: 1 })
      const day = (number: number) => `2024-05-0${number}T09:15:22.103Z`
      const run = (runId: string, started: number, also: Partial<RunCheckpoint> = {}) =>
        save({ ...checkpoint, runId, initiatedAt: day(started), ...also })
      const found = yield* Effect.gen(function* () {
        yield* run("works", 4)
        yield* run("killed", 2)
        yield* run("done", 3, { report })
        yield* run("stopped", 1, { halted: "the disk is full", lastSettledAt: null })
        const values = yield* KeyValueStore.KeyValueStore
        yield* values.set("replay-run:broken", '{"version":2}')
        yield* values.set("of another", "not a run")
        const { acquire } = yield* Checkpoints
        yield* acquire("works")
        return yield* list
      }).pipe(Effect.scoped, Effect.provide(layer))
      const told = found.map((each) => (each.state === "unreadable" ? each.runId : `${each.runId}: ${each.state}`))
      assert.deepStrictEqual(told, [
        "stopped: halted",
        "killed: cut-off",
        "done: completed",
        "works: running",
        "broken"
      ])
      const [stopped, killed, done, works, broken] = found
      const counts = { topicId: "t", letters: 100, success: 90, failed: 3, skipped: 7 }
      assert.deepInclude(stopped, { ...counts, startedAt: day(1), lastSettledAt: null, why: "the disk is full" })
      assert.deepInclude(killed, { ...counts, lastSettledAt: checkpoint.lastSettledAt, holder: null, why: null })
      assert.deepInclude(done, { ...counts, holder: null, why: null })
      assert.strictEqual(holderOf(works)?.pid, options.isShared ? 1 : 0)
      assert.include(broken, { state: "unreadable" })
      // Who works on a run ends with it.
      const later = yield* Effect.provide(list, layer)
      assert.deepStrictEqual(later.map(({ state }) => state).toSorted(), [
        "completed",
        "cut-off",
        "cut-off",
        "halted",
        "unreadable"
      ])
    })
  )

  it.live(
    "a checkpoint that cannot be read is an error that says which, where, and what to do; it can be removed",
    () =>
      withStore(
        Effect.gen(function* () {
          const values = yield* KeyValueStore.KeyValueStore
          for (const content of ['{"version":1', "", "null", '{"version":2,"runId":"run/1 ü"}', "\u0000"]) {
            yield* values.set(`replay-run:${checkpoint.runId}`, content)
            const error = yield* Effect.flip(load())
            assert.instanceOf(error, CheckpointError)
            assert.strictEqual(error.runId, checkpoint.runId)
            assert.match(
              error.message,
              /^the checkpoint of run run\/1 ü \(.*replay-run(:|%3A)run.*\) could not be used: ./
            )
            assert.include(error.hint, "forget the run")
            const { remove } = yield* Checkpoints
            assert.isTrue(yield* remove(checkpoint.runId))
            assert.deepStrictEqual(yield* load(), Option.none())
          }
        })
      )
  )

  it.live("a run that is removed leaves nothing, and one that was never there cannot be", () =>
    withStore(
      Effect.gen(function* () {
        const { remove } = yield* Checkpoints
        yield* save()
        yield* save({ ...checkpoint, runId: "run/1" })
        assert.isTrue(yield* remove(checkpoint.runId))
        assert.isFalse(yield* remove(checkpoint.runId))
        assert.deepStrictEqual(
          (yield* list).map(({ runId }) => runId),
          ["run/1"]
        )
        assert.isTrue(yield* remove("run/1"))
        assert.deepStrictEqual(yield* (yield* KeyValueStore.KeyValueStore).keys, [])
        yield* save()
        assert.deepStrictEqual(yield* load(), Option.some(checkpoint))
      })
    )
  )

  it.live("a run is worked on by one at a time; another one learns by whom, and what to do", () =>
    Effect.gen(function* () {
      const store = yield* make
      const first = yield* store.open({ pid: 4711 })
      const second = options.isShared ? yield* store.open({ pid: 2 }) : first
      const acquire = (layer: typeof first) =>
        Effect.provide(
          Effect.flatMap(Checkpoints, (runs) => runs.acquire("night")),
          layer
        )
      const scope = yield* Scope.make()
      const { check } = yield* Scope.provide(acquire(first), scope)
      yield* check
      for (const layer of [first, second]) {
        const error = yield* Effect.flip(acquire(layer))
        assert.instanceOf(error, RunInProgress)
        assert.match(
          error.message,
          options.isShared
            ? /^run night is in progress in process 4711 on build-3, since \d{4}-/
            : /^run night is in progress in this or another process, since \d{4}-/
        )
        assert.include(error.hint, "Wait until it is done, or stop that process.")
      }
      yield* Effect.provide(
        Effect.flatMap(Checkpoints, (runs) => Effect.scoped(runs.acquire("day"))),
        second
      )
      yield* Scope.close(scope, Exit.void)
      yield* acquire(second)
    })
  )

  it.live("of many that want a run at once exactly one gets it", () =>
    Effect.gen(function* () {
      const store = yield* make
      const processes = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (pid) => store.open({ pid }))
      for (const round of [1, 2, 3]) {
        const scope = yield* Scope.make()
        const results = yield* Effect.forEach(
          processes,
          (layer) =>
            Effect.flatMap(Checkpoints, (runs) => runs.acquire("night")).pipe(
              Scope.provide(scope),
              Effect.provide(layer),
              Effect.result
            ),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(results.filter(Result.isSuccess), 1, `round ${round}`)
        for (const { failure } of results.filter(Result.isFailure)) assert.instanceOf(failure, RunInProgress)
        yield* Scope.close(scope, Exit.void)
      }
    })
  )

  if (!options.isShared) return

  it.live("a run whose owner has died is taken at once, and by one only", () =>
    Effect.gen(function* () {
      const store = yield* make
      const acquire = (layer: Layer.Layer<Checkpoints>) =>
        Effect.provide(
          Effect.flatMap(Checkpoints, (runs) => runs.acquire("night")),
          layer
        )
      yield* acquire(yield* store.open({ pid: 1 }))
      const others = yield* Effect.forEach([2, 3, 4, 5], (pid) => store.open({ pid }))
      store.dead.add(1)
      const results = yield* Effect.forEach(others, (layer) => Effect.result(acquire(layer)), {
        concurrency: "unbounded"
      })
      assert.lengthOf(results.filter(Result.isSuccess), 1)
    })
  )
}

const holderOf = (run: StoredRun | undefined) => (run === undefined || run.state === "unreadable" ? null : run.holder)
