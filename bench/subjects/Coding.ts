// The three steps between a page of the queue and the bodies to send, however they are done.
import * as Letters from "../Letters.ts"
import * as Subject from "./Subject.ts"

export interface CodecInput {
  readonly letters: number
}

export interface Steps<Letter, Request> {
  readonly decode: (page: string) => ReadonlyArray<Letter>
  readonly build: (letter: Letter) => Request
  readonly encode: (request: Request) => string
}

/** What all letters of a run have in common. */
export const run = { initiatedAt: "2024-05-11T09:15:22.103Z", clientVersion: "1.0.0", maxAttempts: 5 }

const pageSize = 50
const pages = Array.from({ length: 100 }, (_, page) =>
  Letters.page("measured", page * pageSize, (page + 1) * pageSize, "next")
)

interface Seconds {
  decode: number
  build: number
  encode: number
}

/** Page by page, as a run does it; what comes out is held against what the server expects. */
const work = <Letter, Request>(steps: Steps<Letter, Request>, count: number): Seconds => {
  const spent: Seconds = { decode: 0, build: 0, encode: 0 }
  const timed = <A>(step: keyof Seconds, task: () => A): A => {
    const start = performance.now()
    const result = task()
    spent[step] += (performance.now() - start) / 1000
    return result
  }
  for (let page = 0; page * pageSize < count; page++) {
    const letters = timed("decode", () => steps.decode(pages[page % pages.length] ?? ""))
    const requests = timed("build", () => letters.map(steps.build))
    const bodies = timed("encode", () => requests.map(steps.encode))
    const first = (page % pages.length) * pageSize
    if (bodies[0] !== Letters.body(first, run.initiatedAt, run.clientVersion) || bodies.length !== pageSize) {
      throw new Error(`page ${page} became something else: ${bodies[0]}`)
    }
  }
  return spent
}

export const measure = async <Letter, Request>(steps: Steps<Letter, Request>): Promise<void> => {
  const { letters } = Subject.input<CodecInput>()
  work(steps, letters / 4)
  let spent: Seconds = { decode: 0, build: 0, encode: 0 }
  const found = await Subject.measure(letters, () => {
    spent = work(steps, letters)
  })
  Subject.answer(found, {
    "decode letters/s": letters / spent.decode,
    "build letters/s": letters / spent.build,
    "encode letters/s": letters / spent.encode
  })
}
