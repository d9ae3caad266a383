// Sends letters with undici and nothing else.
import { Agent, request } from "undici"
import * as Replaying from "./Replaying.ts"
import * as Subject from "./Subject.ts"

const replay = async (topicId: string, count: number) => {
  const dispatcher = new Agent({ connections: Replaying.concurrency })
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
  const found = await Subject.measure(count, () => Replaying.sendAll(count, send))
  await dispatcher.close()
  return found
}

await replay("warm-up", Replaying.warmUp)
Subject.answer(await replay("measured", Replaying.letters))
