/** Without a share, this many letters at the start of a run are all traced. */
const fullyTraced = 1000
/** After those, one in this many. */
const thenOneIn = 100

/**
 * Which letters of a run are traced, asked once for each in turn. Evenly spread, the first among them, and not random:
 * the same run traces the same share again.
 */
export const make = (share: number | undefined): (() => boolean) => {
  let asked = 0
  return () => {
    asked++
    if (share === undefined) return asked <= fullyTraced || asked % thenOneIn === 0
    return Math.ceil(asked * share) > Math.ceil((asked - 1) * share)
  }
}
