import { Result } from "effect"
import * as Base64Url from "effect/encoding/Base64Url"
import type { ResolvedOptions } from "./EmulatorOptions.ts"
import type { Listing } from "./Listing.ts"
import * as Seeded from "./Seeded.ts"

/** How many entries a page holds by default, and at most, whatever is asked for. */
export interface Limits {
  readonly byDefault: number
  readonly most: number
}

/** Where a page begins, and how many empty pages have been served there. */
interface Cursor {
  readonly position: number
  readonly empties: number
}

const encode = ({ empties, position }: Cursor): string => Base64Url.encode(`{"at":${position},"page":${empties}}`)

const decode = (token: string): Cursor | undefined => {
  const match = /^\{"at":(\d{1,15}),"page":(\d)\}$/.exec(Result.getOrElse(Base64Url.decodeString(token), () => ""))
  return match === null ? undefined : { position: Number(match[1]), empties: Number(match[2]) }
}

export interface Page {
  readonly entries: ReadonlyArray<unknown>
  readonly nextPageToken?: string
}

/**
 * The page that a token asks for; `undefined` for a token that was never given. The same token gives the same page under
 * the same limit, as long as the listing stays the same. Ragged pages are short by chance, empty by chance (twice in a
 * row at most), and the list ends with an empty page.
 */
export const make = (listing: Listing, limits: Limits, { pages, seed }: ResolvedOptions) => {
  const page = (from: number, count: number, isLast: boolean): Page => {
    const { end, entries } = listing.take(from, count)
    return isLast ? { entries } : { entries, nextPageToken: encode({ position: end, empties: 0 }) }
  }
  return (token: string | undefined, asked: number | undefined): Page | undefined => {
    const limit = Math.min(asked ?? limits.byDefault, limits.most)
    const cursor = token === undefined ? { position: 0, empties: 0 } : decode(token)
    if (cursor === undefined) return undefined
    const { empties, position } = cursor
    const left = listing.left(position)
    if (left < 0) return undefined
    if (pages === "full") return page(position, Math.min(limit, left), limit >= left)
    if (left === 0) return page(position, 0, true)
    if (empties < 2 && Seeded.unit(seed, position, empties) < 0.2) {
      return { entries: [], nextPageToken: encode({ position, empties: empties + 1 }) }
    }
    const count = Math.min(left, 1 + Math.floor(Seeded.unit(seed, position, 10) * limit))
    return page(position, count, false)
  }
}
