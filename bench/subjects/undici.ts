// Sends letters with undici and nothing else.
import { Agent, request } from "undici"
import * as Replaying from "./Replaying.ts"
import * as Subject from "./Subject.ts"

const dispatcher = new Agent({ connections: Replaying.concurrency })

const replay = async (topicId: string, count: number) => {
  const bodies = Replaying.bodies(count)
  const url = `http://127.0.0.1:${Replaying.port}${Replaying.path(topicId)}`
  const send = async (index: number) => {
    const { body, statusCode } = await request(url, {
      dispatcher,
      method: "PUT",
      headers: Replaying.headers(index),
      body: bodies[index] ?? ""
    })
    Replaying.check(index, statusCode, JSON.parse(await body.text()))
  }
  return Subject.measure(count, () => Replaying.sendAll(count, send))
}

await replay("warm-up", Replaying.warmUp)
const found = await replay("measured", Replaying.letters)
await dispatcher.close()
Subject.answer(found)
