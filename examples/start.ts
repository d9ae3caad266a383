// npm start: the main job, on an emulator with a few faults, or on the service the environment names.
import { Effect } from "effect"
import { replay } from "./replay.ts"
import { main } from "./shared/Program.ts"
import * as Service from "./shared/Service.ts"

const demo = ["--letters", "500", "--faults", "few"]
const given = process.argv.slice(2)

main(replay, Effect.runSync(Service.isConfigured) ? given : [...demo, ...given])
