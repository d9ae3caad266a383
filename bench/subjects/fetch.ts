// Sends letters with the `fetch` of the platform and nothing else.
import * as Replaying from "./Replaying.ts"
import * as Subject from "./Subject.ts"

const replay = async (topicId: string, count: number) => {
  const bodies = Replaying.bodies(count)
  const url = `http://127.0.0.1:${Replaying.port}${Replaying.path(topicId)}`
  const send = async (index: number) => {
    const response = await fetch(url, {
      method: "PUT",
      headers: Replaying.headers(index),
      body: bodies[index] ?? ""
    })
    Replaying.check(index, response.status, JSON.parse(await response.text()))
  }
  return Subject.measure(count, () => Replaying.sendAll(count, send))
}

await replay("warm-up", Replaying.warmUp)
Subject.answer(await replay("measured", Replaying.letters))
