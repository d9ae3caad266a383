// Bundles an application as its author would: one minified file for Node.
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"
import * as Subject from "./Subject.ts"

export interface BundleInput {
  /** The application, a file of this folder without its ending. */
  readonly application: string
  /** Where to write the bundle. */
  readonly output: string
}

const { application, output } = Subject.input<BundleInput>()

const isPackage = (id: string) => /^[^./]/.test(id)

const bundle = async (external: (id: string) => boolean) => {
  const build = await rolldown({
    input: join(import.meta.dirname, `${application}.ts`),
    platform: "node",
    external,
    logLevel: "silent"
  })
  const { output: chunks } = await build.generate({ format: "esm", minify: true, codeSplitting: false })
  await build.close()
  return chunks.map((chunk) => ("code" in chunk ? chunk.code : "")).join("")
}

const kilobytes = (code: string) => Buffer.byteLength(code) / 1000
const zipped = (code: string) => gzipSync(code, { level: 9 }).length / 1000

let whole = ""
let own = ""
const found = await Subject.measure(1, async () => {
  whole = await bundle(() => false)
  own = await bundle(isPackage)
})
writeFileSync(output, whole)
Subject.answer(found, {
  "minified kB": kilobytes(whole),
  "gzip kB": zipped(whole),
  "without packages minified kB": kilobytes(own),
  "without packages gzip kB": zipped(own)
})
