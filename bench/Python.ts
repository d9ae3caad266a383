// Python, for the script in it. Not every machine has it.
import { Effect, Option } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { environment } from "./Environment.ts"

export const command = "python3"

const program =
  'import platform, requests; print(f"Python {platform.python_version()}, requests {requests.__version__}")'

/** The versions of Python and of its `requests`, where both are there. */
export const versions = Effect.gen(function* () {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const line = (yield* spawner.string(ChildProcess.make(command, ["-c", program], { env: environment }))).trim()
  return line === "" ? Option.none<string>() : Option.some(line)
}).pipe(Effect.orElseSucceed(Option.none<string>))
