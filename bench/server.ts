// The service all measurements run against: node bench/server.ts. HTTP over node:net, and only as much of it as the
// clients use, so that no measurement has to wait for the server. It counts how often each letter arrived.
import { createServer, type Socket } from "node:net"
import * as Letters from "./Letters.ts"
import type { Ledger, Queue, ServerSetup, TopicLedger } from "./ServerProtocol.ts"

const maxErrors = 5

/** How often each letter of a topic has come: a byte for each. */
class Topic {
  readonly id: string
  readonly queue: Queue
  readonly arrivals: Uint8Array

  constructor(id: string, queue: Queue) {
    this.id = id
    this.queue = queue
    this.arrivals = new Uint8Array(queue.letters)
  }

  arrived(index: number) {
    const { fault } = this.queue
    if (index === this.queue.letters - 1 && fault === "lose") return
    const times = index === this.queue.letters - 1 && fault === "double" ? 2 : 1
    this.arrivals[index] = Math.min((this.arrivals[index] ?? 0) + times, 255)
  }

  ledger(): TopicLedger {
    let once = 0
    const lost: Array<string> = []
    const doubled: Array<string> = []
    let lostCount = 0
    let doubledCount = 0
    for (const [index, times] of this.arrivals.entries()) {
      if (times === 1) once++
      else if (times === 0) {
        if (lostCount++ < maxErrors) lost.push(Letters.idempotencyKey(index))
      } else if (doubledCount++ < maxErrors) doubled.push(Letters.idempotencyKey(index))
    }
    return {
      letters: this.queue.letters,
      once,
      lost: lostCount,
      doubled: doubledCount,
      examples: [...lost, ...doubled]
    }
  }
}

let topics = new Map<string, Topic>()
let latencyMillis = 0
let tokens = 0
let pages = 0
let replays = 0
let errorCount = 0
let errors: Array<string> = []
let firstRequestAt: bigint | undefined
let cpuAtStart = process.cpuUsage()

const setUp = (setup: ServerSetup) => {
  topics = new Map(Object.entries(setup.topics).map(([id, queue]) => [id, new Topic(id, queue)]))
  latencyMillis = setup.latencyMillis
  tokens = pages = replays = errorCount = 0
  errors = []
  firstRequestAt = undefined
  cpuAtStart = process.cpuUsage()
}

const ledger = (): Ledger => {
  const { system, user } = process.cpuUsage(cpuAtStart)
  return {
    topics: Object.fromEntries(Array.from(topics, ([id, topic]) => [id, topic.ledger()])),
    tokens,
    pages,
    replays,
    errorCount,
    errors,
    firstRequestAtNanos: firstRequestAt === undefined ? null : String(firstRequestAt),
    cpuMicros: user + system
  }
}

const answer = (status: string, body: string) =>
  `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`

const refuse = (status: string, why: string) => {
  if (errorCount++ < maxErrors) errors.push(`${status}: ${why}`)
  return answer(status, JSON.stringify({ message: why }))
}

const listed = (path: string) => {
  const query = new URLSearchParams(path.slice(path.indexOf("?") + 1))
  const topic = topics.get(query.get("topicId") ?? "")
  if (topic === undefined) return refuse("404 Not Found", `no topic in ${path}`)
  const from = Number(query.get("nextPageToken") ?? 0)
  const to = Math.min(from + Number(query.get("limit") ?? 50), topic.queue.letters)
  pages++
  return answer("200 OK", Letters.page(topic.id, from, to, to < topic.queue.letters ? String(to) : undefined))
}

const keyHeader = /\r\nidempotency-key: *([^\r]*)/i

const taken = (head: string, topic: Topic | undefined, body: string) => {
  const key = keyHeader.exec(head)?.[1] ?? ""
  const index = Letters.indexOfKey(key)
  if (topic === undefined || index < 0 || index >= topic.queue.letters) {
    return refuse("404 Not Found", `no letter has the key "${key}"`)
  }
  if (topic.queue.fault === "fail" && index === topic.queue.letters - 1 && topic.arrivals[index] === 0) {
    topic.arrived(index)
    return refuse("400 Bad Request", "the server was told to fail once")
  }
  const expected = Letters.bodyHead(index)
  if (!body.startsWith(expected) || !body.endsWith('"}}')) {
    return refuse("400 Bad Request", `the body of ${key} is not what it should be: ${body.slice(0, 1000)}`)
  }
  topic.arrived(index)
  replays++
  return answer("200 OK", Letters.receipt(index))
}

const topicPath = /^\/api\/v2\/eventbridge\/topics\/([^/]+)\/events$/

const serve = (method: string, path: string, head: string, body: string): string => {
  if (path.startsWith("/bench/")) {
    if (path === "/bench/setup") setUp(JSON.parse(body))
    return answer("200 OK", JSON.stringify(ledger()))
  }
  firstRequestAt ??= process.hrtime.bigint()
  if (method === "POST" && path === "/oauth2/token") {
    tokens++
    return answer("200 OK", '{"access_token":"bench-token","token_type":"Bearer","expires_in":3600}')
  }
  if (method === "POST" && path === "/monitoring") return answer("200 OK", "{}")
  if (!head.includes("Bearer bench-token")) return refuse("401 Unauthorized", `no token for ${path}`)
  if (method === "PUT") return taken(head, topics.get(topicPath.exec(path)?.[1] ?? ""), body)
  if (method === "GET" && path.startsWith("/api/v2/eventbridge/dlq/events?")) return listed(path)
  return refuse("404 Not Found", `${method} ${path}`)
}

const lengthHeader = /\r\ncontent-length: *(\d+)/i
const closeHeader = /\r\nconnection: *close/i

const connected = (socket: Socket) => {
  let text = ""
  socket.setNoDelay(true)
  // A client that is killed resets its connections; what it did not send is missing from the ledger.
  socket.on("error", () => socket.destroy())
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1")
    let answers = ""
    let isLast = false
    for (;;) {
      const headEnd = text.indexOf("\r\n\r\n")
      if (headEnd < 0) break
      const head = text.slice(0, headEnd)
      const end = headEnd + 4 + Number(lengthHeader.exec(head)?.[1] ?? 0)
      if (text.length < end) break
      const methodEnd = head.indexOf(" ")
      const path = head.slice(methodEnd + 1, head.indexOf(" ", methodEnd + 1))
      answers += serve(head.slice(0, methodEnd), path, head, text.slice(headEnd + 4, end))
      isLast ||= closeHeader.test(head)
      text = text.slice(end)
    }
    if (answers === "") return
    const send = () => (isLast ? socket.end(answers, "latin1") : socket.write(answers, "latin1"))
    if (latencyMillis === 0) send()
    else setTimeout(send, latencyMillis)
  })
}

const server = createServer(connected)
server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => {
  process.stdout.write(`${JSON.stringify(server.address())}\n`)
})

// Its parent holds its standard input: it ends with the parent, however that ends.
process.stdin.resume().on("close", () => process.exit(0))
