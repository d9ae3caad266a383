import { Duration } from "effect"
import type { EmulatorState } from "./EmulatorState.ts"
import type { Fault, FaultedRequest } from "./Fault.ts"
import * as FaultDraw from "./FaultDraw.ts"

/** Decides what a request suffers: what the script says, else the outage, else chance. */
export const make = ({ options }: EmulatorState) => {
  const { faults: plan, script } = options
  const outage = plan.outage
  let firstRequestAt: number | undefined
  return (request: FaultedRequest, now: number): Fault | undefined => {
    firstRequestAt ??= now
    const scripted = script?.(request)
    if (scripted !== undefined) return scripted
    if (outage !== undefined) {
      const start = firstRequestAt + Duration.toMillis(outage.after)
      if (now >= start && now < start + Duration.toMillis(outage.for)) return FaultDraw.strikeOutage(plan, request)
    }
    return FaultDraw.draw(plan, request)
  }
}
