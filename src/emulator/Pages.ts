import { Result } from "effect"
import * as Base64Url from "effect/encoding/Base64Url"
import type { ResolvedOptions } from "./EmulatorOptions.ts"
import type { LetterSource } from "./LetterSource.ts"
import * as Seeded from "./Seeded.ts"

/** The most letters on a page, whatever is asked for. */
const maxLimit = 1000
const defaultLimit = 50

/** Where a page begins, and how many empty pages have been served there. */
interface Cursor {
  readonly position: number
  readonly empties: number
}

const encode = ({ empties, position }: Cursor): string => Base64Url.encode(`{"at":${position},"page":${empties}}`)

const decode = (token: string, size: number): Cursor | undefined => {
  const match = /^\{"at":(\d{1,15}),"page":(\d)\}$/.exec(Result.getOrElse(Base64Url.decodeString(token), () => ""))
  if (match === null) return undefined
  const cursor = { position: Number(match[1]), empties: Number(match[2]) }
  return cursor.position <= size ? cursor : undefined
}

export interface Page {
  readonly events: ReadonlyArray<unknown>
  readonly nextPageToken?: string
}

/**
 * The page that a token asks for; `undefined` for a token that was never given. The same token gives the same page under
 * the same limit. Ragged pages are short by chance, empty by chance (twice in a row at most), and the list ends with an
 * empty page.
 */
export const make = (source: LetterSource, { pages, seed }: ResolvedOptions) => {
  const page = (from: number, count: number, next: Cursor | undefined): Page => {
    const events = Array.from({ length: count }, (_, offset) => source.at(from + offset))
    return next === undefined ? { events } : { events, nextPageToken: encode(next) }
  }
  return (token: string | undefined, asked: number | undefined): Page | undefined => {
    const limit = Math.min(asked ?? defaultLimit, maxLimit)
    const cursor = token === undefined ? { position: 0, empties: 0 } : decode(token, source.size)
    if (cursor === undefined) return undefined
    const { empties, position } = cursor
    const left = source.size - position
    if (pages === "full") {
      const count = Math.min(limit, left)
      return page(position, count, count < left ? { position: position + count, empties: 0 } : undefined)
    }
    if (left === 0) return page(position, 0, undefined)
    if (empties < 2 && Seeded.unit(seed, position, empties) < 0.2) {
      return page(position, 0, { position, empties: empties + 1 })
    }
    const count = Math.min(left, 1 + Math.floor(Seeded.unit(seed, position, 10) * limit))
    return page(position, count, { position: position + count, empties: 0 })
  }
}
