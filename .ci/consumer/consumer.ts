import * as library from "effect-cxone-eventbridge"
import * as emulator from "effect-cxone-eventbridge/emulator"
import * as node from "effect-cxone-eventbridge/node"

for (const [entry, module] of Object.entries({ library, emulator, node })) {
  const names = Object.keys(module)
  console.log(`${entry}: ${names.join(" ")}`)
  if (names.length === 0) throw new Error(`${entry} exports nothing`)
}
