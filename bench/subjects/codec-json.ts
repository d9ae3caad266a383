// JSON alone: nothing is checked.
import * as Coding from "./Coding.ts"
import { bodyOf, type Letter } from "./Script.ts"

const parse = (page: string): { readonly events: ReadonlyArray<Letter> } => JSON.parse(page)

await Coding.measure({
  decode: (page) => parse(page).events,
  build: (letter) => JSON.stringify(bodyOf(letter, Coding.run))
})
