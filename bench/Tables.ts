// A bench as people read it.
import { spread, three } from "./Figures.ts"
import type { Machine } from "./Machine.ts"
import type { Comparison, Outcome } from "./Outcome.ts"

export const ofMachine = (machine: Machine): string =>
  [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB; ${machine.system}; load ${three(machine.loadAtStart)}`,
    `Node ${machine.node}; ${Object.entries(machine.packages)
      .map((pair) => pair.join(" "))
      .join(", ")}; ${machine.python ?? "no Python with requests"}; files in ${machine.temporaryFiles}`,
    `commit ${machine.commit}`
  ].join("\n")

const table = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** Rows with the same figures share a table. */
const ofRows = (rows: Outcome["rows"]): ReadonlyArray<string> => {
  const columns = (row: Outcome["rows"][number]) => Object.keys(row.figures)
  const groups = Map.groupBy(rows, (row) => columns(row).join("\n"))
  return Array.from(groups.values(), (group) => {
    const names = group[0] === undefined ? [] : columns(group[0])
    const cells = group.map(({ figures, name }) => [name, ...Object.values(figures).map(spread)])
    return table([["", ...names], ...cells])
  })
}

const ofComparison = ({ demand, isMet, summary, unit, what }: Comparison) => [
  what,
  `${spread(summary)} ${unit}`.trimEnd(),
  demand === null ? "" : `${demand.relation} ${demand.value}`,
  isMet === null ? "" : isMet ? "met" : "not met"
]

export const ofOutcome = (name: string, title: string, { comparisons, notes, rows }: Outcome): string => {
  const head = `${name}: ${title}`
  const compared = comparisons.length === 0 ? [] : [table([["", "", "demanded", ""], ...comparisons.map(ofComparison)])]
  return [`${head}\n${"-".repeat(head.length)}`, ...notes, ...ofRows(rows), ...compared].join("\n\n")
}

export const ofDemands = (comparisons: ReadonlyArray<Comparison>, seconds: number): string => {
  const demanded = comparisons.filter(({ demand }) => demand !== null)
  const met = demanded.filter(({ isMet }) => isMet)
  return `${met.length} of ${demanded.length} demands met; no server error, no letter lost, none twice; ${three(seconds)} s`
}
