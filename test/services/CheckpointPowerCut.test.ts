import { NodePath } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Result } from "effect"
import { CheckpointFiles, Checkpoints, type RunCheckpoint } from "../../src/index.ts"
import { type Behaviour, Disk } from "./support/Disk.ts"
import { PowerCut } from "./support/PowerCut.ts"
import { Machines } from "./support/Processes.ts"
import { checkpoint } from "./support/Runs.ts"

const folder = "/state/checkpoints"

const runsOn = (disk: Disk, behaviour: Behaviour = {}) =>
  Layer.fresh(
    Checkpoints.layer.pipe(
      Layer.provide(CheckpointFiles.layer(folder)),
      Layer.provide(Layer.merge(new Machines(disk).layer({ pid: 1, ...behaviour }), NodePath.layer))
    )
  )

const load = Effect.flatMap(Checkpoints, ({ load: of }) => of(checkpoint.runId))
const save = (next: RunCheckpoint) => Effect.flatMap(Checkpoints, (runs) => runs.save(next))

const first = { ...checkpoint, settledPages: 1 }
const second = { ...checkpoint, settledPages: 2, lastSettledAt: null }

/** What opens after a power cut: which checkpoint, or what is wrong with it. */
const opened = (disk: Disk) =>
  load.pipe(
    Effect.map(Option.match({ onNone: () => "none", onSome: ({ settledPages }) => `page ${settledPages}` })),
    Effect.provide(runsOn(disk)),
    Effect.result,
    Effect.map(Result.match({ onSuccess: (found) => found, onFailure: () => "broken" }))
  )

const openedAfter = (states: ReadonlyArray<Disk>) =>
  Effect.map(Effect.forEach(states, opened), (all) => Array.from(new Set(all)).toSorted())

/** Everything that may be found after the power goes while something is done, and once it is done. */
const powerCuts = Effect.fnUntraced(function* (
  done: Effect.Effect<unknown, unknown, Checkpoints>,
  options: { readonly before?: Effect.Effect<void, unknown, Checkpoints>; readonly behaviour?: Behaviour }
) {
  const disk = new Disk()
  disk.put("/state/audit.jsonl", "")
  if (options.before !== undefined) yield* Effect.provide(options.before, runsOn(disk))
  const cut = new PowerCut(disk)
  yield* Effect.provide(done, runsOn(disk, options.behaviour))
  const during = cut.states("since")
  return { during: yield* openedAfter(during), after: yield* openedAfter(cut.states("now")), states: during.length }
})

describe("a power cut", () => {
  it.effect("while the first checkpoint of all is written: none or the new one, and the new one once it is saved", () =>
    Effect.gen(function* () {
      const { after, during, states } = yield* powerCuts(save(first), {})
      assert.deepStrictEqual(during, ["none", "page 1"])
      assert.deepStrictEqual(after, ["page 1"])
      assert.isAbove(states, 500)
    })
  )

  it.effect("while a checkpoint replaces another: the old or the new one", () =>
    Effect.gen(function* () {
      const { after, during, states } = yield* powerCuts(save(second), { before: save(first) })
      assert.deepStrictEqual(during, ["page 1", "page 2"])
      assert.deepStrictEqual(after, ["page 2"])
      assert.isAbove(states, 500)
    })
  )

  it.effect("while two are saved one after the other: one of the three", () =>
    Effect.gen(function* () {
      const twice = Effect.andThen(save(second), save({ ...second, settledPages: 3 }))
      const { after, during } = yield* powerCuts(twice, { before: save(first) })
      assert.deepStrictEqual(during, ["page 1", "page 2", "page 3"])
      assert.deepStrictEqual(after, ["page 3"])
    })
  )

  it.effect("while a run is removed: it is there or not, and gone once it is removed", () =>
    Effect.gen(function* () {
      const remove = Effect.flatMap(Checkpoints, (runs) => runs.remove(checkpoint.runId))
      const { after, during } = yield* powerCuts(remove, { before: save(first) })
      assert.deepStrictEqual(during, ["none", "page 1"])
      assert.deepStrictEqual(after, ["none"])
    })
  )

  it.effect("the run can be saved, listed and removed whatever was left", () =>
    Effect.gen(function* () {
      const disk = new Disk()
      disk.put("/state/audit.jsonl", "")
      const cut = new PowerCut(disk)
      yield* Effect.provide(save(first), runsOn(disk))
      const states = cut.states("since")
      for (const state of states.filter((_, index) => index % 40 === 0)) {
        yield* Effect.gen(function* () {
          const { list, remove } = yield* Checkpoints
          yield* save(second)
          assert.deepStrictEqual(
            (yield* list).map(({ runId }) => runId),
            [checkpoint.runId]
          )
          assert.isTrue(yield* remove(checkpoint.runId))
          assert.deepStrictEqual(yield* list, [])
        }).pipe(Effect.provide(runsOn(state)))
      }
    })
  )

  // The simulation is worth something only if it finds what it is for.
  it.effect("finds a checkpoint whose content was not brought to disk before it took its place", () =>
    Effect.gen(function* () {
      const behaviour: Behaviour = { isDeaf: (path) => path.includes("+draft-") }
      assert.include((yield* powerCuts(save(first), { behaviour })).during, "broken")
      assert.include((yield* powerCuts(save(second), { before: save(first), behaviour })).during, "broken")
    })
  )

  it.effect("finds a checkpoint whose name was not brought to disk", () =>
    Effect.gen(function* () {
      const behaviour: Behaviour = { isDeaf: (path) => path === folder }
      const { after, during } = yield* powerCuts(save(second), { before: save(first), behaviour })
      assert.deepStrictEqual(
        [during, after],
        [
          ["page 1", "page 2"],
          ["page 1", "page 2"]
        ]
      )
    })
  )

  it.effect("finds a folder whose name was not brought to disk", () =>
    Effect.gen(function* () {
      const behaviour: Behaviour = { isDeaf: (path) => path === "/state" }
      assert.deepStrictEqual((yield* powerCuts(save(first), { behaviour })).after, ["none", "page 1"])
    })
  )

  it.effect("a draft that a crash left is removed when it is old, not while somebody may be writing it", () =>
    Effect.gen(function* () {
      const disk = new Disk()
      disk.put(`${folder}/replay-run%3Ax+draft-1`, "{", Date.now())
      disk.put(`${folder}/replay-run%3Ax+draft-2`, "{", -3_600_001)
      disk.put(`${folder}/replay-run%3Ax+draft-3`, "{", -3_599_999)
      yield* Effect.provide(load, runsOn(disk))
      assert.deepStrictEqual(
        disk.names(folder).filter((name) => name.includes("draft")),
        ["replay-run%3Ax+draft-1", "replay-run%3Ax+draft-3"]
      )
    })
  )
})
