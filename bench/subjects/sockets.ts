// Sends requests made beforehand over plain sockets and only counts the bytes of the answers: the server's limit.
import { connect } from "node:net"
import * as Letters from "../Letters.ts"
import * as Replaying from "./Replaying.ts"
import * as Subject from "./Subject.ts"

const requests = (topicId: string, count: number) =>
  Replaying.bodies(count).map((body, index) => {
    const headers = Object.entries({ ...Replaying.headers(index), "content-length": String(body.length) })
    const head = [
      `PUT ${Replaying.path(topicId)} HTTP/1.1`,
      "host: 127.0.0.1",
      ...headers.map((pair) => pair.join(": "))
    ]
    return `${head.join("\r\n")}\r\n\r\n${body}`
  })

/** All answers have the same length, which the first one shows. */
const lengthOf = (firstAnswer: string) => firstAnswer.indexOf("\r\n\r\n") + 4 + Letters.receipt(0).length

const accepted = Buffer.from("HTTP/1.1 200 ")

/** One connection that sends the next request when the answer to the last is there. */
const client = (next: () => string | undefined) =>
  new Promise<void>((done, failed) => {
    const socket = connect(Replaying.port, "127.0.0.1")
    let length = 0
    let received = 0
    const send = () => {
      const request = next()
      if (request === undefined) socket.end(done)
      else socket.write(request, "latin1")
    }
    socket.setNoDelay(true)
    socket.on("connect", send)
    socket.on("error", failed)
    socket.on("data", (chunk) => {
      if (received === 0 && !chunk.subarray(0, accepted.length).equals(accepted)) {
        return failed(new Error(`not taken: ${chunk.toString("latin1")}`))
      }
      length ||= lengthOf(chunk.toString("latin1"))
      received += chunk.length
      if (received < length) return
      received -= length
      send()
    })
  })

const replay = async (topicId: string, count: number) => {
  const all = requests(topicId, count)
  let index = 0
  const clients = () => Promise.all(Array.from({ length: Replaying.concurrency }, () => client(() => all[index++])))
  return Subject.measure(count, async () => void (await clients()))
}

await replay("warm-up", Replaying.warmUp)
Subject.answer(await replay("measured", Replaying.letters))
