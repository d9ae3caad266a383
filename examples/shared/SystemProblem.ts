// What the operating system refuses to do, in words.
import { type PlatformError, Predicate } from "effect"

const words: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "no space left for this user",
  EEXIST: "it exists and is not a folder",
  EFBIG: "the file would be too large",
  EIO: "the device failed to read or write",
  EISDIR: "it is a folder, not a file",
  ENAMETOOLONG: "the name is too long",
  ENOENT: "there is no such file or folder",
  ENOSPC: "no space left on the device",
  ENOTDIR: "part of the path is a file, not a folder",
  EPERM: "permission denied",
  EROFS: "the file system is read-only"
}

/** The error that Node has a name for, of those one was caused by. */
const sourceOf = (error: unknown): unknown =>
  Predicate.hasProperty(error, "code") || !Predicate.hasProperty(error, "cause") ? error : sourceOf(error.cause)

/** Node's name for what went wrong. */
export const codeOf = (error: unknown): string | undefined => {
  const source = sourceOf(error)
  return Predicate.hasProperty(source, "code") ? String(source.code) : undefined
}

/** What went wrong; where there are no words for it, those of Node. */
export const inWords = (error: unknown): string => {
  const source = sourceOf(error)
  return (
    words[codeOf(source) ?? ""] ?? (Predicate.hasProperty(source, "message") ? String(source.message) : String(source))
  )
}

/** What went wrong, and with which file or folder where that is known. */
export const withPath = (error: PlatformError.PlatformError): string => {
  const path = error.reason._tag === "BadArgument" ? undefined : error.reason.pathOrDescriptor
  return typeof path === "string" ? `"${path}": ${inWords(error)}` : inWords(error)
}
