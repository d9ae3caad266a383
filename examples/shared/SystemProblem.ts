// What the operating system refuses to do, in words.
import { Predicate } from "effect"

const words: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EDQUOT: "no space left for this user",
  EEXIST: "there is a file of that name, which is no folder",
  EFBIG: "the file would be too large",
  EIO: "the device fails",
  EISDIR: "it is a folder, not a file",
  ENAMETOOLONG: "the name is too long",
  ENOENT: "there is no such file or folder",
  ENOSPC: "no space left on the device",
  ENOTDIR: "a part of the path is a file, not a folder",
  EPERM: "no permission",
  EROFS: "the file system is read-only"
}

/** Node's name for what went wrong, of an error or of what caused it. */
export const codeOf = (error: unknown): string | undefined => {
  if (Predicate.hasProperty(error, "code")) return String(error.code)
  return Predicate.hasProperty(error, "cause") ? codeOf(error.cause) : undefined
}

/** What went wrong; the error's own message where there are no words for it. */
export const inWords = (error: unknown): string => words[codeOf(error) ?? ""] ?? String(error)
