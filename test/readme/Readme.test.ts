import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

/** Inside the repository the package is imported by path, in the README by its name. */
const asPublished = (code: string): string =>
  code
    .replaceAll(/"(?:\.\.\/)+src\/index\.ts"/g, '"effect-cxone-eventbridge"')
    .replaceAll(/"(?:\.\.\/)+src\/(\w+)\/index\.ts"/g, '"effect-cxone-eventbridge/$1"')

it.effect.each([
  "examples/embed.ts",
  "examples/compose.ts",
  "examples/embed-sql.ts",
  "test/readme/SwappedLayers.test.ts"
])("README shows %s as it is", (path) =>
  Effect.sync(() => {
    const blocks = Array.from(read("README.md").matchAll(/```ts\n([\s\S]*?)```/g), ([, code]) => code)
    assert.include(blocks, asPublished(read(path)))
  })
)
