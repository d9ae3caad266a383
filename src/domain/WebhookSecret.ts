import { Option, Result } from "effect"
import { Base64 } from "effect/encoding"

const prefix = "whsec_"

/** The key in a secret as Standard Webhooks writes it: `whsec_` and the base64 of 24 to 64 bytes. */
export const keyOf = (secret: string): Option.Option<Uint8Array> =>
  Option.liftPredicate(secret, (text) => text.startsWith(prefix)).pipe(
    Option.flatMap((text) => Result.getSuccess(Base64.decode(text.slice(prefix.length)))),
    Option.filter(({ length }) => length >= 24 && length <= 64)
  )
