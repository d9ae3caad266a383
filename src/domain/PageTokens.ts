/** The token of the next page. `null` or an empty string may also say that there is none. */
export const next = (token: string | null | undefined): string | undefined =>
  token === null || token === "" ? undefined : token

/**
 * Tells whether a page token has come before, in constant memory (Brent's cycle detection): each is compared with the one
 * before it and with a mark that moves on at every power of two, so a circle of n pages is found within 3 n.
 */
export const repeats = (): ((token: string) => boolean) => {
  let mark: string | undefined
  let previous: string | undefined
  let sinceMark = 0
  let untilMark = 1
  return (token) => {
    const repeated = token === mark || token === previous
    previous = token
    if (++sinceMark === untilMark) {
      mark = token
      sinceMark = 0
      untilMark *= 2
    }
    return repeated
  }
}
