// What a power cut may leave of a disk. Sure is only what was synced: a file's content by a sync of the file, its name by a
// sync of the folder. Of the rest anything may have reached the disk: any of the names, any part of the content.
import { type Change, Disk, enact, type Entries, type Inode, parentOf } from "./Disk.ts"

type Naming = Extract<Change, { readonly _tag: "Enter" | "Leave" | "Move" }>

const isNaming = (change: Change): change is Naming => change._tag !== "Write" && change._tag !== "Sync"

const folderOf = (change: Naming) => parentOf(change._tag === "Move" ? change.to : change.path)

const subsets = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: 2 ** all.length }, (_, bits) => all.filter((_each, index) => (bits >> index) & 1))

/** Every length of what was not synced, and a file that has its length but not its content. */
const contentsOf = (synced: Uint8Array, written: Uint8Array): ReadonlyArray<Uint8Array> =>
  synced === written
    ? [synced]
    : [
        synced,
        new Uint8Array(written.length),
        ...Array.from({ length: written.length + 1 }, (_, length) => written.subarray(0, length))
      ]

/** The disk as it was, before the changes that are looked at. */
export class PowerCut {
  readonly #disk: Disk
  readonly #entries: Entries
  readonly #contents: Map<Inode, Uint8Array>
  readonly #from: number

  constructor(disk: Disk) {
    this.#disk = disk
    this.#entries = new Map(disk.entries)
    this.#contents = new Map(Array.from(disk.entries.values(), (inode) => [inode, inode.content]))
    this.#from = disk.changes.length
  }

  /** The states a power cut may leave: now, or at any moment since the beginning. */
  states(when: "now" | "since"): ReadonlyArray<Disk> {
    const changes = this.#disk.changes.slice(this.#from)
    const moments = when === "now" ? [changes.length] : Array.from({ length: changes.length + 1 }, (_, count) => count)
    const found = new Map<string, Disk>()
    for (const count of moments) {
      for (const disk of this.#after(changes.slice(0, count))) {
        const key = JSON.stringify(Array.from(disk.entries.keys(), (path) => [path, disk.text(path)]).toSorted())
        found.set(key, disk)
      }
    }
    return Array.from(found.values())
  }

  *#after(changes: ReadonlyArray<Change>): Generator<Disk> {
    const written = new Map(this.#contents)
    const synced = new Map(this.#contents)
    const entries: Entries = new Map(this.#entries)
    let pending: Array<Naming> = []
    for (const change of changes) {
      if (isNaming(change)) {
        if (change._tag === "Enter" && !written.has(change.inode)) {
          written.set(change.inode, new Uint8Array())
          synced.set(change.inode, written.get(change.inode) ?? new Uint8Array())
        }
        pending.push(change)
      } else if (change._tag === "Write") written.set(change.inode, change.content)
      else if (change.inode.isFolder) {
        for (const each of pending) if (folderOf(each) === change.path) enact(entries, each)
        pending = pending.filter((each) => folderOf(each) !== change.path)
      } else synced.set(change.inode, written.get(change.inode) ?? new Uint8Array())
    }
    for (const chosen of subsets(pending)) {
      const named: Entries = new Map(entries)
      for (const each of chosen) enact(named, each)
      // Names in a folder whose own name was lost are lost with it.
      for (const path of Array.from(named.keys())) if (path !== "/" && !named.has(parentOf(path))) named.delete(path)
      yield* this.#contentsIn(named, written, synced)
    }
  }

  *#contentsIn(named: Entries, written: Map<Inode, Uint8Array>, synced: Map<Inode, Uint8Array>): Generator<Disk> {
    const kept = new Map(Array.from(named, ([path, inode]) => [path, { ...inode, content: sure(synced, inode) }]))
    yield new Disk(new Map(kept))
    for (const [path, inode] of named) {
      for (const content of contentsOf(sure(synced, inode), sure(written, inode))) {
        yield new Disk(new Map(kept).set(path, { ...inode, content }))
      }
    }
  }
}

const sure = (contents: Map<Inode, Uint8Array>, inode: Inode) => contents.get(inode) ?? new Uint8Array()
