// Processes that share a disk, each with its own idea of who lives.
import { Context, Effect, FileSystem, Layer } from "effect"
import { ProcessIdentity, type ProcessOwner } from "../../../src/services/ProcessIdentity.ts"
import { type Behaviour, type Disk, files } from "./Disk.ts"

export interface Named {
  readonly pid: number
  /** The same machine by default. */
  readonly host?: string
}

export interface Process extends Behaviour, Named {}

/** Who a process is, and what it sees of the others: nothing on other machines. */
const identity = ({ host = "build-3", pid }: Named, dead: ReadonlySet<number>): (typeof ProcessIdentity)["Service"] => {
  const self: ProcessOwner = { host, pid, instance: `started-${pid}` }
  return {
    self,
    stateOf: (owner) => Effect.sync(() => (owner.host !== host ? "unknown" : dead.has(owner.pid) ? "dead" : "alive"))
  }
}

export const layerIdentity = (named: Named, dead: ReadonlySet<number> = new Set()): Layer.Layer<never> =>
  Layer.succeed(ProcessIdentity, identity(named, dead))

export class Machines {
  readonly dead = new Set<number>()
  readonly disk: Disk
  constructor(disk: Disk) {
    this.disk = disk
  }
  /** What a process provides: the disk as it sees it, and who it is. */
  layer(process: Process): Layer.Layer<FileSystem.FileSystem> {
    return Layer.succeedContext(
      Context.make(FileSystem.FileSystem, files(this.disk, process)).pipe(
        Context.add(ProcessIdentity, identity(process, this.dead))
      )
    )
  }
}
