import { Predicate } from "effect"

const messages = (error: unknown): ReadonlyArray<string> => {
  if (!Predicate.hasProperty(error, "message")) return []
  const causes = Predicate.hasProperty(error, "cause") ? messages(error.cause) : []
  // Its own message, "Unknown: FileSystem.writeAll (21)", says nothing that the system's does not say better.
  return Predicate.isTagged(error, "PlatformError") && causes.length > 0 ? causes : [String(error.message), ...causes]
}

/** What went wrong, down to the first cause. */
export const causesOf = (error: unknown): string =>
  messages(error)
    .filter((message, index, all) => message !== all[index - 1])
    .join(": ")
