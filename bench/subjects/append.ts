// An audit kept line by line with Node's own file functions.
import { appendFileSync, closeSync, fsyncSync, openSync } from "node:fs"
import * as Recording from "./Recording.ts"
import * as Subject from "./Subject.ts"

const file = openSync(Recording.path, "a")

const record = (count: number) => {
  const records = Recording.make(count)
  return Subject.measure(count, () => {
    for (const one of records) {
      appendFileSync(file, `${JSON.stringify(one)}\n`)
      if (Recording.isSynced) fsyncSync(file)
    }
  })
}

await record(Recording.warmUp)
Subject.answer(await record(Recording.records), { "records/sync": Recording.isSynced ? 1 : 0 })
closeSync(file)
