// The way the library does it.
import { Result, Schema } from "effect"
import { DeadLetterPageBody, fromBody } from "../../src/domain/DeadLetterPage.ts"
import * as LosslessJson from "../../src/domain/LosslessJson.ts"
import * as ReplayRequest from "../../src/domain/ReplayRequest.ts"
import * as Coding from "./Coding.ts"

const decodePage = Schema.decodeUnknownResult(DeadLetterPageBody)
const context = { ...Coding.run, destination: undefined }

await Coding.measure({
  decode: (page) => {
    const body = Result.getOrThrow(Result.flatMap(LosslessJson.parse(page), decodePage))
    return fromBody(undefined, body).letters.map((letter) => Result.getOrThrow(letter))
  },
  build: (letter) => Result.getOrThrow(ReplayRequest.build(letter, context)).body
})
