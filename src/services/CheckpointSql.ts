import { Context, Effect, Layer, Schedule } from "effect"
import { KeyValueStore } from "effect/persistence"
import { SqlClient, SqlError } from "effect/sql"
import { causesOf } from "../domain/Causes.ts"
import { CheckpointError } from "../domain/ReplayError.ts"
import { ProcessIdentity } from "./ProcessIdentity.ts"
import { RunStore } from "./RunStore.ts"
import * as SqlLease from "./SqlLease.ts"

const table = "cxone_replay_runs"

const open = Effect.gen(function* () {
  yield* SqlLease.makeTable
  const values = yield* Layer.build(Layer.fresh(KeyValueStore.layerSql({ table }))).pipe(
    // The store reports as a defect why it could not create its table.
    Effect.catchDefect((defect) => Effect.fail(defect))
  )
  return Context.make(RunStore, yield* leases).pipe(
    Context.add(KeyValueStore.KeyValueStore, patient(Context.get(values, KeyValueStore.KeyValueStore)))
  )
})

/**
 * Checkpoints in a database, in the table `cxone_replay_runs`, and in `cxone_replay_leases` the leases that keep a
 * second process off a run, wherever it runs. The tables are created if they are missing. PostgreSQL requires the right
 * to create them (`CREATE` on their schema) even if they exist.
 */
export const layer: Layer.Layer<KeyValueStore.KeyValueStore | RunStore, CheckpointError, SqlClient.SqlClient> =
  // Fresh, or a second database in one application would be given the runs of the first.
  Layer.fresh(
    Layer.effectContext(
      open.pipe(
        // Processes that make a table at the same time get into each other's way, IF NOT EXISTS or not.
        Effect.retry({ times: 3, schedule: Schedule.spaced("200 millis") }),
        Effect.mapError((error) => {
          const place = `tables ${SqlLease.table} and ${table}`
          return new CheckpointError({ runId: null, place, detail: causesOf(error) })
        })
      )
    )
  )

/** The last try begins within ten seconds, a third of what the lease on the run lasts. */
const retries = Schedule.exponential("100 millis").pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 5, duration: "10 seconds" })
)

const isTransient = ({ cause }: KeyValueStore.KeyValueStoreError): boolean =>
  SqlError.isSqlError(cause) && cause.isRetryable

/**
 * A checkpoint that cannot be written ends its run, so one is retried when the database was locked by another run, as
 * SQLite is for each write, or a connection was cut. A retry writes the same row.
 */
const patient = (store: KeyValueStore.KeyValueStore) =>
  KeyValueStore.make({
    ...store,
    set: (key, value) => Effect.retry(store.set(key, value), { schedule: retries, while: isTransient })
  })

const leases = Effect.gen(function* () {
  const services = Context.pick(SqlClient.SqlClient, ProcessIdentity)(yield* Effect.context<SqlClient.SqlClient>())
  const failed = (runId: string, error: unknown) =>
    new CheckpointError({ runId, place: `table ${SqlLease.table}`, detail: causesOf(error) })

  return RunStore.of({
    placeOf: (key) => `table ${table}, id "${key}"`,
    acquire: (runId) =>
      SqlLease.acquire(runId).pipe(
        Effect.catchTags({
          SqlError: (error) => Effect.fail(failed(runId, error)),
          SchemaError: (error) => Effect.fail(failed(runId, error))
        }),
        Effect.provideContext(services)
      ),
    holder: (runId) =>
      SqlLease.holder(runId).pipe(
        Effect.mapError((error) => failed(runId, error)),
        Effect.provideContext(services)
      )
  })
})
