import { Predicate } from "effect"

const messages = (error: unknown): ReadonlyArray<string> =>
  Predicate.hasProperty(error, "message")
    ? [String(error.message), ...(Predicate.hasProperty(error, "cause") ? messages(error.cause) : [])]
    : []

/** What went wrong, down to the first cause. */
export const causesOf = (error: unknown): string =>
  messages(error)
    .filter((message, index, all) => message !== all[index - 1])
    .join(": ")
