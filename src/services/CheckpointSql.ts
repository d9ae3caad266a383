import { Context, Effect, Layer, Schedule } from "effect"
import { KeyValueStore } from "effect/persistence"
import { SqlClient, SqlError } from "effect/sql"
import { causesOf } from "../domain/Causes.ts"
import { CheckpointError } from "../domain/ReplayError.ts"
import { ProcessIdentity } from "./ProcessIdentity.ts"
import { RunStore } from "./RunStore.ts"
import * as SqlLease from "./SqlLease.ts"

const table = "cxone_replay_runs"

/**
 * Checkpoints in a database, in the table `cxone_replay_runs`, and in `cxone_replay_leases` the leases that keep a
 * second process off a run, wherever it runs. The tables are created if they are missing.
 */
export const layer: Layer.Layer<KeyValueStore.KeyValueStore | RunStore, SqlError.SqlError, SqlClient.SqlClient> =
  // Fresh, or a second database in one application would be given the runs of the first.
  Layer.fresh(
    Layer.unwrap(
      Effect.gen(function* () {
        // Processes that make a table at the same time get into each other's way, IF NOT EXISTS or not.
        yield* Effect.retry(SqlLease.makeTable, { times: 3, schedule: Schedule.spaced("200 millis") })
        const values = Layer.effect(KeyValueStore.KeyValueStore, Effect.map(KeyValueStore.KeyValueStore, patient)).pipe(
          Layer.provide(KeyValueStore.layerSql({ table }))
        )
        return Layer.merge(
          Layer.effect(RunStore, leases),
          Layer.catchCause(values, () => Layer.fresh(values))
        )
      })
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
