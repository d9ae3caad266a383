import { Effect, Layer, Result } from "effect"
import { randomUUID } from "node:crypto"
import { readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"
import { ProcessIdentity, type ProcessOwner } from "../services/ProcessIdentity.ts"

const read = (get: () => string) => Result.getOrUndefined(Result.try(get))

/** `/proc/PID/stat` (proc_pid_stat(5)) from its third field on, behind the command's name, which may hold spaces. */
const statOf = (pid: number): ReadonlyArray<string> | undefined =>
  read(() => readFileSync(`/proc/${pid}/stat`, "utf8"))
    ?.replace(/^.*\) /s, "")
    .split(" ")

/** When a process started, in clock ticks since boot (field 22). Absent if there is no such file. */
const startOf = (pid: number): string | undefined => statOf(pid)?.[19]

/** It has ended, and its parent has not yet collected its status (field 3). */
const isZombie = (pid: number): boolean => statOf(pid)?.[0] === "Z"

const boot = read(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim())
// Machines may share a name, and so may containers on one machine: neither can see each other's processes.
const pidNamespace = read(() => readlinkSync("/proc/self/ns/pid"))

const instanceOf = (pid: number): string | undefined => {
  const start = startOf(pid)
  return boot === undefined || start === undefined ? undefined : `${boot}/${start}`
}

const self: ProcessOwner = {
  host: [hostname(), boot, pidNamespace].filter((part) => part !== undefined).join(" "),
  pid: process.pid,
  instance: instanceOf(process.pid) ?? randomUUID()
}

const isRunning = (pid: number): boolean =>
  Result.match(
    Result.try({ try: () => process.kill(pid, 0), catch: (error) => error }),
    // EPERM: it is there, and belongs to somebody else.
    {
      onSuccess: () => true,
      onFailure: (error) => !(error instanceof Error && "code" in error && error.code === "ESRCH")
    }
  )

const stateOf = ({ host, instance, pid }: ProcessOwner) => {
  if (host !== self.host) return "unknown"
  if (pid === self.pid) return instance === self.instance ? "alive" : "dead"
  if (!isRunning(pid) || isZombie(pid)) return "dead"
  const found = instanceOf(pid)
  return found === undefined || found === instance ? "alive" : "dead"
}

/** This process by its host, pid and start; others of the same host by what the kernel says of them. */
export const layer: Layer.Layer<never> = Layer.succeed(ProcessIdentity, {
  self,
  stateOf: (owner) => Effect.sync(() => stateOf(owner))
})
