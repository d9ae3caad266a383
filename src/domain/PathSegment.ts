import { Schema } from "effect"

/**
 * An id that stands in a path: with an empty one the path would be another, `.` and `..` would be taken for steps, and
 * half a surrogate pair cannot be encoded.
 */
export const PathSegment = Schema.NonEmptyString.check(
  Schema.makeFilter((id) => id !== "." && id !== ".." && id.isWellFormed(), {
    expected: "an id that can stand in a path"
  })
)
