// A PostgreSQL: the one DATABASE_URL names, in a schema of its own; otherwise one that runs in the process, over a socket.
import { PgClient } from "@effect/sql-pg"
import { PGlite } from "@electric-sql/pglite"
import { PGLiteSocketServer } from "@electric-sql/pglite-socket"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { SqlClient, type SqlError } from "effect/sql"

/** A connection of one's own to the same database, each time it is provided. */
export type Connect = Layer.Layer<SqlClient.SqlClient, SqlError.SqlError>

const embedded = Effect.gen(function* () {
  const db = yield* Effect.acquireRelease(
    Effect.promise(() => PGlite.create()),
    (opened) => Effect.promise(() => opened.close())
  )
  const server = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const listening = new PGLiteSocketServer({ db, port: 0, maxConnections: 20 })
      await listening.start()
      return listening
    }),
    (listening) => Effect.promise(() => listening.stop())
  )
  const [host = "", port = ""] = server.getServerConn().split(":")
  return Layer.fresh(
    PgClient.layer({ host, port: Number(port), username: "postgres", database: "postgres", maxConnections: 2 })
  )
})

const external = Effect.fnUntraced(function* (url: string) {
  const schema = `test_${crypto.randomUUID().replaceAll("-", "")}`
  const asAdmin = (use: (sql: SqlClient.SqlClient) => Effect.Effect<unknown, SqlError.SqlError>) =>
    // A defect, as the release of a schema may not fail.
    Effect.orDie(
      Effect.scoped(
        Effect.provide(
          Effect.flatMap(SqlClient.SqlClient, use),
          Layer.fresh(PgClient.layer({ url: Redacted.make(url) }))
        )
      )
    )
  yield* Effect.acquireRelease(
    asAdmin((sql) => sql`CREATE SCHEMA ${sql(schema)}`),
    () => asAdmin((sql) => sql`DROP SCHEMA ${sql(schema)} CASCADE`)
  )
  return Layer.fresh(
    PgClient.layer({ url: Redacted.make(url), startupParameters: { search_path: schema }, maxConnections: 2 })
  )
})

export const database: Effect.Effect<Connect, never, Scope.Scope> = Effect.suspend(() => {
  const url = process.env["DATABASE_URL"]
  return url === undefined ? embedded : external(url)
})
