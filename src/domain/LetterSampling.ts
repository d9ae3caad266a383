/** So many letters of a run are traced, every one, where no share is set; … */
const all = 1000
/** … and one in so many after them. */
const oneIn = 100

/**
 * Which letters of a run are traced, asked once for each in turn. Evenly spread, the first among them, and without
 * chance: the same run traces the same share again.
 */
export const make = (share: number | undefined): (() => boolean) => {
  let asked = 0
  return () => {
    asked++
    if (share === undefined) return asked <= all || asked % oneIn === 0
    return Math.ceil(asked * share) > Math.ceil((asked - 1) * share)
  }
}
