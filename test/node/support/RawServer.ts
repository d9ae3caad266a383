// A server of bare sockets: what it answers is written byte by byte, and can be no HTTP at all.
import { Effect, type Scope } from "effect"
import { createServer, type Server, type Socket } from "node:net"

export interface Arrival {
  /** The request's head as it came, without its last empty line. */
  readonly head: string
  readonly body: string
  /** 1 for the first request of the server. */
  readonly number: number
}

export interface RawServer {
  readonly url: string
  readonly arrivals: ReadonlyArray<Arrival>
  /** Connections that were ever opened. */
  readonly connections: () => number
  /** Waits until so many connections have been closed or cut by the client or the server. */
  readonly closed: (count: number) => Effect.Effect<void>
  /** Waits until so many requests have arrived. */
  readonly arrived: (count: number) => Effect.Effect<void>
}

/** Checks again whenever something happened. */
const signal = () => {
  const waiting = new Set<() => void>()
  return {
    notify: () => waiting.forEach((check) => check()),
    until: (isSo: () => boolean) =>
      Effect.callback<void>((resume) => {
        const check = () => {
          if (isSo()) resume(Effect.void)
        }
        waiting.add(check)
        check()
        return Effect.sync(() => waiting.delete(check))
      })
  }
}

const isWhole = (head: string, body: string): boolean => {
  const length = /^content-length: (\d+)$/im.exec(head)?.[1]
  if (length !== undefined) return Buffer.byteLength(body, "latin1") >= Number(length)
  return !/^transfer-encoding: chunked$/im.test(head) || body.endsWith("0\r\n\r\n")
}

/** Listens on loopback until the scope closes. `answer` is called for each request that has arrived. */
export const start = (
  answer: (socket: Socket, arrival: Arrival) => void
): Effect.Effect<RawServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const arrivals: Array<Arrival> = []
    const sockets = new Set<Socket>()
    const changes = signal()
    let connections = 0
    let closed = 0
    const server = createServer((socket) => {
      connections++
      sockets.add(socket)
      let received = ""
      socket.setEncoding("latin1")
      socket.on("data", (text) => {
        received += String(text)
        const end = received.indexOf("\r\n\r\n")
        if (end === -1) return
        const head = received.slice(0, end)
        const body = received.slice(end + 4)
        if (!isWhole(head, body)) return
        received = ""
        const arrival = { head, body: Buffer.from(body, "latin1").toString(), number: arrivals.length + 1 }
        arrivals.push(arrival)
        answer(socket, arrival)
        changes.notify()
      })
      // Cut by the client: what tests do.
      socket.on("error", () => undefined)
      socket.on("close", () => {
        closed++
        sockets.delete(socket)
        changes.notify()
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<Server>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      () =>
        Effect.sync(() => {
          server.close()
          sockets.forEach((socket) => socket.destroy())
        })
    )
    const address = server.address()
    return {
      url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
      arrivals,
      connections: () => connections,
      closed: (count) => changes.until(() => closed >= count),
      arrived: (count) => changes.until(() => arrivals.length >= count)
    }
  })

/** An answer with these headers and this body, as it is written. */
export const response = (body: string, headers: ReadonlyArray<string> = [], status = "200 OK"): string =>
  [`HTTP/1.1 ${status}`, `Content-Length: ${Buffer.byteLength(body)}`, ...headers, "", body].join("\r\n")

/** Answers in turn, the first again after the last. */
export const answering = (...answers: ReadonlyArray<string>) =>
  start((socket, { number }) => socket.write(answers[(number - 1) % answers.length] ?? ""))
