// Processes that share a disk, each with its own idea of who lives.
import { Context, Effect, FileSystem, Layer } from "effect"
import { ProcessIdentity, type ProcessOwner } from "../../../src/services/ProcessIdentity.ts"
import { type Behaviour, type Disk, files } from "./Disk.ts"

export interface Process extends Behaviour {
  readonly pid: number
  /** The same machine by default. */
  readonly host?: string
}

export class Machines {
  readonly dead = new Set<number>()
  readonly disk: Disk
  constructor(disk: Disk) {
    this.disk = disk
  }
  /** What a process provides: the disk as it sees it, and who it is. Other machines cannot be looked into. */
  layer({ host = "build-3", pid, ...behaviour }: Process) {
    const self: ProcessOwner = { host, pid, instance: `started-${pid}` }
    return Layer.succeedContext(
      Context.make(FileSystem.FileSystem, files(this.disk, behaviour)).pipe(
        Context.add(ProcessIdentity, {
          self,
          stateOf: (owner) =>
            Effect.sync(() => {
              if (owner.host !== host) return "unknown" as const
              return this.dead.has(owner.pid) ? ("dead" as const) : ("alive" as const)
            })
        })
      )
    )
  }
}
