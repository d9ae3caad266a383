// An EventBridge written from the contract alone, on node:http and with nothing of this package in it. It keeps what
// arrives as it arrives: raw paths, raw headers, raw bodies.
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"

export interface Arrival {
  /** Which of the routes; `other` for none of them. */
  readonly route: "token" | "list" | "replay" | "other"
  readonly method: string
  /** The request target as it stands in the request line. */
  readonly target: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
  /** 1 for the first request of this route and key (replays), of this route and target (all others). */
  readonly attempt: number
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The request is served as usual, then answered with this. */
  readonly afterTaking?: boolean
}

export interface ForeignOptions {
  readonly topicId: string
  /** Each page's entries, as texts of JSON. */
  readonly pages: ReadonlyArray<ReadonlyArray<string>>
  readonly clientId?: string
  readonly clientSecret?: string
  /** What the token answer says; absent by default. */
  readonly scope?: string
  /** Another answer than the usual; `reset` cuts the connection without one. */
  readonly answer?: (arrival: Arrival) => Answer | "reset" | undefined
  /** How long a replay takes, in milliseconds. */
  readonly delay?: (arrival: Arrival) => number
}

export interface ForeignServer {
  readonly url: string
  readonly arrivals: ReadonlyArray<Arrival>
  /** The body each idempotency key, as its header has it, was accepted with; a key is accepted once. */
  readonly bodies: ReadonlyMap<string, string>
  /** Keys that came with more than one body. */
  readonly changed: ReadonlySet<string>
  readonly maxInFlight: () => number
  /** Every token given so far, and no token from now on. */
  readonly revoke: () => void
  /** Tokens are given again. */
  readonly restore: () => void
  readonly issued: ReadonlyArray<string>
}

export const listPath = "/api/v2/eventbridge/dlq/events"
const replayPath = /^\/api\/v2\/eventbridge\/topics\/([^/?#]*)\/events$/
const tokenPath = "/oauth2/token"

/** A token whose characters mean something in a query. */
export const tokenOf = (page: number): string => `p/${page}?a=1&b=#é +=`

const readBody = (request: IncomingMessage): Promise<string> =>
  new Promise((resolve, reject) => {
    const chunks: Array<Uint8Array> = []
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk))
    // Fatal: a body that is no UTF-8 is no JSON.
    request.on("end", () => resolve(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks))))
    request.on("error", reject)
  })

const json = (status: number, value: unknown): Answer => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value)
})

const headerOf = (value: string | ReadonlyArray<string> | undefined): string =>
  typeof value === "string" ? value : (value?.join(",") ?? "")

const listen = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const open = async (options: ForeignOptions) => {
  const { clientId = "demo", clientSecret = "demo" } = options
  const arrivals: Array<Arrival> = []
  const attempts = new Map<string, number>()
  const bodies = new Map<string, string>()
  const changed = new Set<string>()
  const seenBodies = new Map<string, string>()
  const issued: Array<string> = []
  let valid = new Set<string>()
  let isRevoked = false
  let inFlight = 0
  let maxInFlight = 0

  const serveToken = ({ body }: Arrival): Answer => {
    const form = new URLSearchParams(body)
    if (form.get("grant_type") !== "client_credentials") return json(400, { error: "unsupported_grant_type" })
    if (isRevoked || form.get("client_id") !== clientId || form.get("client_secret") !== clientSecret) {
      return json(401, { error: "invalid_client", error_description: "client authentication failed" })
    }
    const token = `foreign-token-${issued.length + 1}-6f1e2d`
    issued.push(token)
    valid.add(token)
    return json(200, {
      access_token: token,
      token_type: "Bearer",
      expires_in: 3600,
      ...(options.scope === undefined ? {} : { scope: options.scope })
    })
  }

  const serveList = (query: URLSearchParams): Answer => {
    if (query.get("topicId") !== options.topicId) return json(404, { message: "no such topic" })
    const asked = query.get("nextPageToken")
    const index = asked === null ? 0 : options.pages.findIndex((_, page) => tokenOf(page) === asked)
    const entries = options.pages[index]
    if (entries === undefined) return json(400, { message: "no such page" })
    const next = index + 1 < options.pages.length ? `,"nextPageToken":${JSON.stringify(tokenOf(index + 1))}` : ""
    return {
      status: 200,
      headers: { "content-type": "application/json" },
      body: `{"events":[${entries.join(",")}]${next}}`
    }
  }

  const serveReplay = (topic: string, arrival: Arrival): Answer => {
    if (decodeURIComponent(topic) !== options.topicId) return json(404, { message: "no such topic" })
    const key = headerOf(arrival.headers["idempotency-key"])
    if (bodies.has(key)) return json(409, { message: "the key was used before" })
    bodies.set(key, arrival.body)
    return json(200, { eventId: "taken", status: "queued" })
  }

  const serve = (arrival: Arrival, path: string, query: URLSearchParams): Answer => {
    if (arrival.route === "token") return serveToken(arrival)
    if (!valid.has(headerOf(arrival.headers["authorization"]).replace(/^Bearer /, ""))) {
      return json(401, { message: "the token is not valid" })
    }
    if (arrival.route === "list") return serveList(query)
    const topic = replayPath.exec(path)?.[1]
    return topic === undefined ? json(404, { message: "no such route" }) : serveReplay(topic, arrival)
  }

  const routeOf = (method: string, path: string): Arrival["route"] => {
    if (method === "POST" && path === tokenPath) return "token"
    if (method === "GET" && path === listPath) return "list"
    return method === "PUT" && replayPath.test(path) ? "replay" : "other"
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const target = request.url ?? ""
    const method = request.method ?? ""
    const [path = "", search = ""] = target.split(/\?(.*)/s)
    const route = routeOf(method, path)
    const body = await readBody(request)
    const key = headerOf(request.headers["idempotency-key"])
    const name = `${route} ${route === "replay" ? key : target}`
    const attempt = (attempts.get(name) ?? 0) + 1
    attempts.set(name, attempt)
    const arrival: Arrival = { route, method, target, headers: request.headers, body, attempt }
    arrivals.push(arrival)
    if (route === "replay") {
      if ((seenBodies.get(key) ?? body) !== body) changed.add(key)
      seenBodies.set(key, body)
      inFlight++
      maxInFlight = Math.max(maxInFlight, inFlight)
      const delay = options.delay?.(arrival) ?? 0
      if (delay > 0) await pause(delay)
      inFlight--
    }
    const other = options.answer?.(arrival)
    if (other === "reset") return void request.socket.resetAndDestroy()
    const usual = () => serve(arrival, path, new URLSearchParams(search))
    if (other?.afterTaking === true) usual()
    const { body: text = "", headers = {}, status } = other ?? usual()
    response.writeHead(status, headers).end(text)
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.writeHead(599).end(String(error)))
  })
  const port = await listen(server)
  const foreign: ForeignServer = {
    url: `http://127.0.0.1:${port}`,
    arrivals,
    bodies,
    changed,
    issued,
    maxInFlight: () => maxInFlight,
    revoke: () => {
      valid = new Set()
      isRevoked = true
    },
    restore: () => {
      isRevoked = false
    }
  }
  return { server, foreign }
}

/** Listens on loopback until the scope closes. */
export const start = (options: ForeignOptions): Effect.Effect<ForeignServer, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => open(options)),
      ({ server }) =>
        Effect.sync(() => {
          server.closeAllConnections()
          server.close()
        })
    ),
    ({ foreign }) => foreign
  )

/** A letter as the queue lists it, out of its members' texts. */
export const entry = (members: Readonly<Record<string, string | undefined>>): string =>
  `{${Object.entries(members)
    .filter(([, text]) => text !== undefined)
    .map(([name, text]) => `${JSON.stringify(name)}:${text}`)
    .join(",")}}`

export const replays = ({ arrivals }: ForeignServer): ReadonlyArray<Arrival> =>
  arrivals.filter(({ route }) => route === "replay")

export const keyOf = (arrival: Arrival): string => headerOf(arrival.headers["idempotency-key"])
