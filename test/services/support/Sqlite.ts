// SQLite as a `SqlClient`, on the one that Node has: a client that does not wait where the database is locked.
import { Effect, Layer, Predicate, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { type SqlConnection, SqlClient, SqlError, Statement } from "effect/sql"
import { DatabaseSync } from "node:sqlite"

/** Effect knows the codes of SQLite, and another name for where they stand. */
const reasonOf = (cause: unknown) =>
  SqlError.classifySqliteError(
    Predicate.hasProperty(cause, "errcode") ? Object.assign(Object(cause), { errno: cause.errcode }) : cause,
    { message: Predicate.hasProperty(cause, "message") ? String(cause.message) : "" }
  )

const connectionTo = (db: DatabaseSync): SqlConnection.Connection => {
  const bound = (param: unknown) => (param instanceof Uint8Array || typeof param === "number" ? param : String(param))
  const execute = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.try({
      try: () => db.prepare(sql).all(...params.map(bound)),
      catch: (cause) => new SqlError.SqlError({ reason: reasonOf(cause) })
    })
  const values = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.map(execute(sql, params), (rows) => rows.map((row): Array<unknown> => Object.values(row)))
  return {
    execute,
    executeRaw: execute,
    executeUnprepared: execute,
    executeValues: values,
    executeValuesUnprepared: values,
    executeStream: (sql, params) => Stream.fromIterableEffect(execute(sql, params))
  }
}

export const layer = (path: string): Layer.Layer<SqlClient.SqlClient> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const db = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(path)),
        (opened) => Effect.sync(() => opened.close())
      )
      return yield* SqlClient.make({
        acquirer: Effect.succeed(connectionTo(db)),
        compiler: Statement.makeCompilerSqlite(),
        driver: "node:sqlite",
        spanAttributes: []
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
