// For flags that mean nothing when they are empty.
import { Redacted } from "effect"
import { Flag } from "effect/cli"

const isFilled = (text: string): boolean => text.trim() !== ""
const expected = () => "some text"

export const text = Flag.filter(isFilled, expected)

export const secret = Flag.filter((value: Redacted.Redacted) => isFilled(Redacted.value(value)), expected)
