// The two steps between a page of the queue and the bodies to send, however they are done.
import * as Letters from "../Letters.ts"
import * as Subject from "./Subject.ts"

export interface CodecInput {
  readonly letters: number
}

export interface Steps<Letter> {
  readonly decode: (page: string) => ReadonlyArray<Letter>
  /** The body that goes out, as JSON. */
  readonly build: (letter: Letter) => string
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
}

/** Page by page, as a run does it; what comes out is held against what the server expects. */
const work = <Letter>(steps: Steps<Letter>, count: number): Seconds => {
  const spent: Seconds = { decode: 0, build: 0 }
  const timed = <A>(step: keyof Seconds, task: () => A): A => {
    const start = performance.now()
    const result = task()
    spent[step] += (performance.now() - start) / 1000
    return result
  }
  for (let page = 0; page * pageSize < count; page++) {
    const letters = timed("decode", () => steps.decode(pages[page % pages.length] ?? ""))
    const bodies = timed("build", () => letters.map(steps.build))
    const first = (page % pages.length) * pageSize
    if (bodies[0] !== Letters.body(first, run.initiatedAt, run.clientVersion) || bodies.length !== pageSize) {
      throw new Error(`page ${page} became something else: ${bodies[0]}`)
    }
  }
  return spent
}

export const measure = async <Letter>(steps: Steps<Letter>): Promise<void> => {
  const { letters } = Subject.input<CodecInput>()
  work(steps, letters / 4)
  let spent: Seconds = { decode: 0, build: 0 }
  const found = await Subject.measure(letters, () => {
    spent = work(steps, letters)
  })
  Subject.answer(found, {
    "decode letters/s": letters / spent.decode,
    "build letters/s": letters / spent.build
  })
}
