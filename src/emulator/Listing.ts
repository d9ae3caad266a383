/** What is listed in pages. Position 0 is its beginning; what others mean is up to the listing. */
export interface Listing {
  /** How many entries there are from a position on; negative for a position that cannot be. */
  readonly left: (position: number) => number
  /** The next entries from a position on, and the position after the last of them. */
  readonly take: (position: number, count: number) => { readonly entries: ReadonlyArray<unknown>; readonly end: number }
}
