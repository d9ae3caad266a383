import { DateTime, Effect, Option, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import { SqlClient, type SqlError } from "effect/sql"
import { causesOf } from "../domain/Causes.ts"
import { LeaseHeld, type LeaseHolder } from "../domain/Lease.ts"
import * as LeaseKeeper from "./LeaseKeeper.ts"
import { isGone, ProcessIdentity } from "./ProcessIdentity.ts"
import type { RunLease } from "./RunStore.ts"

// A lease is a row. Each step is one statement, which the database executes entirely or not at all, at any isolation
// level and over any connection; who then holds the lease is queried afterwards. Time is the database's: the only clock
// that all who share it have in common.

export const table = "cxone_replay_leases"

const client = Effect.map(SqlClient.SqlClient, (sql) => sql.withoutTransforms())

export const makeTable = Effect.gen(function* () {
  const sql = yield* client
  // A run's id has 240 characters at most.
  const columns = sql.literal(`(
    run_id VARCHAR(240) PRIMARY KEY,
    lease_id VARCHAR(64) NOT NULL,
    host VARCHAR(191) NOT NULL,
    pid INTEGER NOT NULL,
    instance VARCHAR(191) NOT NULL,
    since VARCHAR(32) NOT NULL,
    expires_at BIGINT NOT NULL
  )`)
  yield* sql.onDialectOrElse({
    mssql: () => sql`IF OBJECT_ID(${table}, 'U') IS NULL CREATE TABLE ${sql(table)} ${columns}`,
    orElse: () => sql`CREATE TABLE IF NOT EXISTS ${sql(table)} ${columns}`
  })
})

/** Milliseconds since 1970 by the clock of the database. */
const millis = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({
    pg: () => sql.literal("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"),
    mysql: () => sql.literal("CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"),
    mssql: () => sql.literal("DATEDIFF_BIG(millisecond, '1970-01-01', SYSUTCDATETIME())"),
    orElse: () => sql.literal("CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")
  })

const Row = Schema.Struct({
  lease_id: Schema.String,
  host: Schema.String,
  pid: Schema.Int,
  instance: Schema.String,
  since: Schema.String,
  is_expired: Schema.Int
})
const decode = Schema.decodeUnknownEffect(Schema.Array(Row))

const rowOf = Effect.fnUntraced(function* (runId: string) {
  const sql = yield* client
  const rows = yield* sql`
    SELECT lease_id, host, pid, instance, since, CASE WHEN expires_at <= ${millis(sql)} THEN 1 ELSE 0 END AS is_expired
    FROM ${sql(table)} WHERE run_id = ${runId}`
  return Option.fromUndefinedOr((yield* decode(rows))[0])
})

const holderIn = ({ host, pid, since }: typeof Row.Type): LeaseHolder => ({ host, pid, since })

const isFree = (row: typeof Row.Type) => isGone(row, row.is_expired === 1)

/** Takes the lease if it is free. Fails with `Overtaken` if somebody else was quicker: the retry then sees who. */
const take = Effect.fnUntraced(function* (runId: string, leaseId: string, since: string) {
  const sql = yield* client
  const { host, instance, pid } = (yield* ProcessIdentity).self
  const expiresAt = sql`${millis(sql)} + ${sql.literal(String(LeaseKeeper.expiryMillis))}`
  const before = yield* rowOf(runId)
  if (Option.isNone(before)) {
    yield* sql`
      INSERT INTO ${sql(table)} (run_id, lease_id, host, pid, instance, since, expires_at)
      VALUES (${runId}, ${leaseId}, ${host}, ${pid}, ${instance}, ${since}, ${expiresAt})`.pipe(
      Effect.catchReason("SqlError", "UniqueViolation", () => Effect.void)
    )
  } else {
    const { is_expired, lease_id } = before.value
    if (!(yield* isFree(before.value))) {
      return yield* new LeaseHeld({ resource: `run ${runId}`, holder: holderIn(before.value) })
    }
    // Its owner may have renewed it since it was seen.
    const stillExpired = is_expired === 1 ? sql`AND expires_at <= ${millis(sql)}` : sql.literal("")
    yield* sql`
      UPDATE ${sql(table)}
      SET lease_id = ${leaseId}, host = ${host}, pid = ${pid}, instance = ${instance}, since = ${since},
        expires_at = ${expiresAt}
      WHERE run_id = ${runId} AND lease_id = ${lease_id} ${stillExpired}`
  }
  if (!(yield* isOurs(runId, leaseId))) return yield* new LeaseKeeper.Overtaken()
})

const isOurs = (runId: string, leaseId: string) =>
  Effect.map(rowOf(runId), (row) => Option.exists(row, ({ lease_id }) => lease_id === leaseId))

const renew = Effect.fnUntraced(function* (runId: string, leaseId: string) {
  const sql = yield* client
  yield* sql`
    UPDATE ${sql(table)} SET expires_at = ${millis(sql)} + ${sql.literal(String(LeaseKeeper.expiryMillis))}
    WHERE run_id = ${runId} AND lease_id = ${leaseId}`
  if (!(yield* isOurs(runId, leaseId))) return yield* new LeaseKeeper.Overtaken()
})

const release = Effect.fnUntraced(function* (runId: string, leaseId: string) {
  const sql = yield* client
  yield* sql`DELETE FROM ${sql(table)} WHERE run_id = ${runId} AND lease_id = ${leaseId}`
})

const isRace = (error: LeaseHeld | LeaseKeeper.Overtaken | Schema.SchemaError | SqlError.SqlError): boolean =>
  error._tag === "Overtaken" ||
  (error._tag === "SqlError" && (error.reason._tag === "SerializationError" || error.reason._tag === "DeadlockError"))

/** Holds a run for this process alone, until the scope closes. */
export const acquire = Effect.fnUntraced(function* (runId: string) {
  const leaseId = SecureRandom.uuidV7Unsafe()
  const since = DateTime.formatIso(yield* DateTime.now)
  yield* Effect.acquireRelease(
    take(runId, leaseId, since).pipe(
      Effect.retry({ times: 20, while: isRace }),
      Effect.catchTag("Overtaken", () =>
        Effect.fail(new LeaseHeld({ resource: `run ${runId}`, holder: { host: "", pid: 0, since } }))
      )
    ),
    () =>
      Effect.catch(release(runId, leaseId), (error) =>
        Effect.logWarning(`run ${runId} stays in use for a while, its release failed: ${causesOf(error)}`)
      )
  )
  const services = yield* Effect.context<SqlClient.SqlClient>()
  const lease = yield* LeaseKeeper.keep(`run ${runId}`, Effect.provideContext(renew(runId, leaseId), services))
  return { ...lease, discard: lease.check } satisfies RunLease
})

/** Who holds a run now, if anybody does. */
export const holder = Effect.fnUntraced(function* (runId: string) {
  const row = yield* rowOf(runId)
  if (Option.isNone(row) || (yield* isFree(row.value))) return Option.none<LeaseHolder>()
  return Option.some(holderIn(row.value))
})
