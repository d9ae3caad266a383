import { NodeFileSystem } from "@effect/platform-node"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, FileSystem, Layer, Option, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { CheckpointError, CheckpointSql, Checkpoints, ProcessIdentity, RunInProgress } from "../../src/index.ts"
import { database } from "./support/Database.ts"
import { layerIdentity, type Named } from "./support/Processes.ts"
import { checkpoint } from "./support/Runs.ts"
import * as Sqlite from "./support/Sqlite.ts"
import { storeSuite } from "./support/StoreSuite.ts"

const scope = Effect.runSync(Scope.make())
const connect = await Effect.runPromise(Scope.provide(database, scope))
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

/** What a process has open, over a connection of its own. */
const processOf = (process: Named, dead?: ReadonlySet<number>) =>
  Layer.fresh(
    Checkpoints.layer.pipe(
      Layer.provideMerge(CheckpointSql.layer),
      Layer.provide(layerIdentity(process, dead)),
      Layer.provideMerge(connect)
    )
  )

const empty = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`DROP TABLE IF EXISTS cxone_replay_runs`
  yield* sql`DROP TABLE IF EXISTS cxone_replay_leases`
}).pipe(Effect.provide(connect))

const open = (process: Named, dead?: ReadonlySet<number>) =>
  Layer.build(processOf(process, dead)).pipe(Effect.map(Layer.succeedContext))

const store = Effect.map(empty, () => {
  const dead = new Set<number>()
  return { dead, open: (process: Named) => open(process, dead) }
})

const acquire = Effect.flatMap(Checkpoints, (runs) => runs.acquire("night"))

/** The lease was renewed so long ago. */
const age = (seconds: number) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`UPDATE cxone_replay_leases SET expires_at = expires_at - ${seconds * 1000}`
  )

class FirstRuns extends Context.Service<FirstRuns, Checkpoints["Service"]>()("test/FirstRuns") {}
class SecondRuns extends Context.Service<SecondRuns, Checkpoints["Service"]>()("test/SecondRuns") {}

describe("runs in a database", () => {
  storeSuite(store, { isShared: true })

  it.live("processes that start at the same time on an empty database do not get into each other's way", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 3; round++) {
        yield* empty
        const processes = [1, 2, 3, 4, 5, 6].map((pid) => Effect.scoped(Layer.build(processOf({ pid }))))
        yield* Effect.all(processes, { concurrency: "unbounded" })
      }
    })
  )

  it.live("two databases of one application keep the runs of one each", () => {
    const runsIn = (path: string) =>
      Checkpoints.layer.pipe(Layer.fresh, Layer.provide(CheckpointSql.layer), Layer.provide(Sqlite.layer(path)))
    return Effect.gen(function* () {
      yield* (yield* FirstRuns).save(checkpoint)
      assert.lengthOf(yield* (yield* FirstRuns).list, 1)
      assert.lengthOf(yield* (yield* SecondRuns).list, 0)
    }).pipe(
      Effect.provide([
        Layer.provide(Layer.effect(FirstRuns, Checkpoints), runsIn(":memory:")),
        Layer.provide(Layer.effect(SecondRuns, Checkpoints), runsIn(":memory:"))
      ])
    )
  })

  it.live("a run of which nothing is known is taken 30 s after its last renewal, by the database's clock", () =>
    Effect.gen(function* () {
      yield* empty
      const elsewhere = yield* open({ pid: 1, host: "elsewhere" })
      const here = yield* open({ pid: 2 })
      yield* Effect.provide(acquire, elsewhere)
      yield* Effect.provide(age(25), here)
      assert.instanceOf(yield* Effect.flip(Effect.provide(acquire, here)), RunInProgress)
      yield* Effect.provide(age(5), here)
      yield* Effect.provide(acquire, here)
      assert.instanceOf(yield* Effect.flip(Effect.provide(acquire, elsewhere)), RunInProgress)
    })
  )

  it.live("one that is renewed at the last moment is not taken", () =>
    Effect.gen(function* () {
      yield* empty
      const elsewhere = yield* open({ pid: 1, host: "elsewhere" })
      yield* Effect.provide(acquire, elsewhere)
      yield* Effect.provide(age(30), elsewhere)
      // Asked for after the lease was seen to have expired, and before it is taken.
      const identity = Layer.succeed(ProcessIdentity, {
        self: { host: "here", pid: 2, instance: "started-2" },
        // A defect, as telling the state of a process may not fail.
        stateOf: () => Effect.as(Effect.orDie(Effect.provide(age(-30), elsewhere)), "unknown")
      })
      const runs = Checkpoints.layer.pipe(
        Layer.provide(CheckpointSql.layer),
        Layer.provide(identity),
        Layer.provide(connect)
      )
      assert.instanceOf(yield* Effect.flip(Effect.scoped(Effect.provide(acquire, Layer.fresh(runs)))), RunInProgress)
    })
  )

  it.live("one whose process was suspended is never taken on its own machine", () =>
    Effect.gen(function* () {
      yield* empty
      const first = yield* open({ pid: 1 })
      const second = yield* open({ pid: 2 })
      yield* Effect.provide(acquire, first)
      yield* Effect.provide(age(3600), second)
      assert.instanceOf(yield* Effect.flip(Effect.provide(acquire, second)), RunInProgress)
    })
  )

  it.effect(
    "a lease is renewed as long as its owner is alive; one that was taken is lost, and stays with the taker",
    () =>
      Effect.gen(function* () {
        yield* empty
        const elsewhere = yield* open({ pid: 1, host: "elsewhere" })
        const here = yield* open({ pid: 2 })
        const first = yield* Scope.make()
        const { check, lost } = yield* Effect.provide(Scope.provide(acquire, first), elsewhere)
        yield* Effect.provide(age(25), here)
        yield* TestClock.adjust("10 seconds")
        // Renewed by now or soon: either way it is not free.
        yield* Effect.provide(untilRenewed, here)
        yield* Effect.provide(age(25), here)
        assert.instanceOf(yield* Effect.flip(Effect.provide(acquire, here)), RunInProgress)
        yield* check

        yield* Effect.provide(age(5), here)
        const second = yield* Effect.provide(acquire, here)
        yield* TestClock.adjust("10 seconds")
        const error = yield* Effect.flip(lost)
        assert.strictEqual(error.message, "the lease on run night was lost: another process has taken it")
        assert.strictEqual((yield* Effect.flip(check))._tag, "LeaseLost")
        yield* Scope.close(first, Exit.void)
        yield* second.check
        assert.instanceOf(yield* Effect.flip(Effect.provide(acquire, elsewhere)), RunInProgress)
      })
  )

  it.live("a lease that a process could not release it can take itself once it has expired", () =>
    Effect.gen(function* () {
      yield* empty
      const layer = yield* open({ pid: 1 })
      const first = yield* Scope.make()
      yield* Effect.provide(Scope.provide(acquire, first), layer)
      yield* Effect.provide(renameTable("cxone_replay_leases", "away"), layer)
      yield* Scope.close(first, Exit.void)
      yield* Effect.provide(renameTable("away", "cxone_replay_leases"), layer)
      assert.instanceOf(yield* Effect.flip(Effect.provide(acquire, layer)), RunInProgress)
      yield* Effect.provide(age(30), layer)
      yield* Effect.provide(acquire, layer)
    })
  )

  it.live("a checkpoint waits a while for a database that another run has locked", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/runs.sqlite`
      const runs = yield* Layer.build(
        Checkpoints.layer.pipe(Layer.provide(CheckpointSql.layer), Layer.provide(Sqlite.layer(path)))
      )
      const { load, save } = Context.get(runs, Checkpoints)
      const other = Context.get(yield* Layer.build(Layer.fresh(Sqlite.layer(path))), SqlClient.SqlClient)
      yield* other`BEGIN IMMEDIATE`
      const saving = yield* Effect.forkChild(save(checkpoint), { startImmediately: true })
      yield* Effect.sleep("200 millis")
      yield* other`COMMIT`
      yield* Fiber.join(saving)
      assert.deepStrictEqual(yield* load(checkpoint.runId), Option.some(checkpoint))

      yield* other`BEGIN IMMEDIATE`
      const error = yield* Effect.flip(save(checkpoint))
      assert.include(error.message, "database is locked")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live.each([
    ["of leases", "cxone_replay_leases"],
    ["of runs", "cxone_replay_runs"]
  ] as const)("a table %s that cannot be made is an error that says why", ([, name]) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const sqlite = Sqlite.layer(`${yield* fs.makeTempDirectoryScoped()}/runs.sqlite`)
      const sql = Context.get(yield* Layer.build(Layer.fresh(sqlite)), SqlClient.SqlClient)
      yield* sql`CREATE TABLE others (name TEXT)`
      yield* sql`CREATE INDEX ${sql(name)} ON others (name)`
      const error = yield* Effect.flip(Layer.build(Layer.provide(CheckpointSql.layer, sqlite)))
      assert.instanceOf(error, CheckpointError)
      assert.include(
        error.message,
        "the checkpoints (tables cxone_replay_leases and cxone_replay_runs) could not be used: "
      )
      assert.include(error.message, `there is already an index named ${name}`)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))
  )

  it.live("a database that fails is an error that names the run, the table and the cause", () =>
    Effect.gen(function* () {
      yield* empty
      const layer = yield* open({ pid: 1 })
      yield* empty
      const { load } = yield* Effect.provide(Checkpoints, layer)
      const held = yield* Effect.flip(Effect.provide(acquire, layer))
      assert.include(held.message, "the checkpoint of run night (table cxone_replay_leases) could not be used: ")
      assert.include(held.message, 'relation "cxone_replay_leases" does not exist')
      const kept = yield* Effect.flip(load(checkpoint.runId))
      assert.include(kept.message, 'run run/1 ü (table cxone_replay_runs, id "replay-run:run/1 ü") could not be used: ')
      assert.include(kept.message, 'relation "cxone_replay_runs" does not exist')
    })
  )
})

const renameTable = (from: string, to: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`ALTER TABLE ${sql(from)} RENAME TO ${sql(to)}`)

/** Renewals take a turn over the network. */
const untilRenewed: Effect.Effect<void, unknown, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql`
    SELECT 1 FROM cxone_replay_leases
    WHERE expires_at > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + 20000`
  if (rows.length === 0) yield* untilRenewed
})
