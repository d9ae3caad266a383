import { assert, it } from "@effect/vitest"
import { WriteNotApplied } from "../../src/index.ts"

it("a write that was not applied hides the queries of URLs, and says so if nothing else differs", () => {
  const url = (token: string) => [{ url: `https://a.example.com/hook?token=${token}`, type: "webhook" }]
  const { message } = new WriteNotApplied({
    name: "n",
    id: "sub_1",
    changes: [
      { field: "endpoints", before: url("s3cr3t-1"), after: url("s3cr3t-2") },
      { field: "description", before: "why?", after: null }
    ]
  })
  const shown = '[{"url":"https://a.example.com/hook?…","type":"webhook"}]'
  assert.strictEqual(
    message,
    `subscription "n" (sub_1) was written, but endpoints is ${shown}, not ${shown} (they differ in a part of a URL that is not shown); ` +
      'description is "why?", not null'
  )
})
