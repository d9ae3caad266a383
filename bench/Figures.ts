// Figures as people read them.
import type { Summary } from "./Statistics.ts"

/** Three significant digits: no bench knows more. */
export const three = (value: number): string =>
  Math.abs(value) >= 1000
    ? Math.round(value).toLocaleString("en")
    : value.toLocaleString("en", { maximumSignificantDigits: 3 })

/** The median, and between which figures all samples were. */
export const spread = ({ max, median, min, samples }: Summary): string =>
  samples.length === 1 || min === max ? three(median) : `${three(median)} (${three(min)}–${three(max)})`
